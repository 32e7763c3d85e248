//! Names that many facts have, held once.
//!
//! A fact as it comes has its own copies of its SKU's and its location's name; at a million SKUs
//! these would be a quarter of the tier.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use onhand_wire::{LocationId, Sku, Stock};

/// The names of locations: as many as there ever were.
#[derive(Default)]
pub(super) struct Names(Mutex<HashSet<LocationId>>);

impl Names {
    /// The same stock in as little memory as it needs.
    pub(super) fn compact(&self, sku: &Sku, stock: &mut Stock) {
        if let Some(item) = &mut stock.item {
            item.sku = sku.clone();
        }
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fact in &mut stock.facts {
            fact.sku = sku.clone();
            match held.get(&fact.location) {
                Some(location) => fact.location = location.clone(),
                None => drop(held.insert(fact.location.clone())),
            }
        }
        stock.facts.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(sku: &str) -> Stock {
        let json = format!(r#"{{"facts":[{{"sku":"{sku}","location":"eu-1","version":"1.1"}}]}}"#);
        let mut stock: Stock = serde_json::from_str(&json).unwrap();
        stock.facts.reserve(7);
        stock
    }

    #[test]
    fn facts_of_one_location_share_its_name() {
        let (names, a, b) = (Names::default(), Sku::new("a").unwrap(), Sku::new("b").unwrap());
        let (mut first, mut second) = (stock("a"), stock("b"));
        names.compact(&a, &mut first);
        names.compact(&b, &mut second);
        assert_eq!((&first, &second), (&stock("a"), &stock("b")), "nothing else changes");
        let at = |stock: &Stock| stock.facts[0].location.as_str().as_ptr();
        assert_eq!(at(&first), at(&second));
        assert_eq!(first.facts[0].sku.as_str().as_ptr(), a.as_str().as_ptr());
        assert_eq!(first.facts.capacity(), 1);
    }
}
