//! The join's laws: associative, commutative, idempotent, and never backwards.

use onhand_wire::{Fact, Item, Join, LocationId, Sku, Stock, Timestamp, Version};
use proptest::prelude::*;

/// One version of one key has one content: everything follows from (location, version).
fn fact(location: u8, term: u16, seq: u64) -> Fact {
    Fact {
        sku: Sku::new("22423").unwrap(),
        location: LocationId::new(&format!("eu-{location}")).unwrap(),
        on_hand: (seq * 7 % 100) as i64,
        reserved: (seq * 3 % 50) as i64,
        safety_stock: 0,
        backorder_limit: 0,
        low_stock_at: 0,
        restock_at: None,
        version: Version::new(term, seq),
        changed_at: Timestamp::from_micros((u64::from(term) * 1000 + seq) as i64),
        deleted: seq.is_multiple_of(5),
    }
}

fn item(term: u16, seq: u64) -> Item {
    Item {
        sku: Sku::new("22423").unwrap(),
        name: format!("name {term}.{seq}"),
        brand: None,
        attributes: Default::default(),
        price: None,
        active: true,
        version: Version::new(term, seq),
        changed_at: Timestamp::from_micros(seq as i64),
        deleted: false,
    }
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    prop::collection::vec((0u8..4, 1u16..3, 1u64..9).prop_map(|(at, term, seq)| fact(at, term, seq)), 0..12)
}

fn stock() -> impl Strategy<Value = Stock> {
    (facts(), prop::option::of((1u16..3, 1u64..9))).prop_map(|(facts, held)| {
        let mut stock = Stock { item: held.map(|(term, seq)| item(term, seq)), facts: Vec::new() };
        for fact in facts {
            stock.join_fact(fact);
        }
        stock
    })
}

fn joined(mut left: Stock, right: &Stock) -> Stock {
    left.join(right.clone());
    left
}

proptest! {
    #[test]
    fn of_single_facts(a in (1u16..3, 1u64..9), b in (1u16..3, 1u64..9), c in (1u16..3, 1u64..9)) {
        let [a, b, c] = [a, b, c].map(|(term, seq)| fact(1, term, seq));
        prop_assert_eq!(a.clone().join(b.clone()), b.clone().join(a.clone()));
        prop_assert_eq!(a.clone().join(b.clone()).join(c.clone()), a.clone().join(b.clone().join(c)));
        prop_assert_eq!(a.clone().join(a.clone()), a.clone());
        prop_assert!(a.clone().join(b).version >= a.version);
    }

    #[test]
    fn of_whole_stocks(a in stock(), b in stock(), c in stock()) {
        prop_assert_eq!(joined(a.clone(), &b), joined(b.clone(), &a));
        prop_assert_eq!(joined(joined(a.clone(), &b), &c), joined(a.clone(), &joined(b.clone(), &c)));
        prop_assert_eq!(joined(a.clone(), &a), a.clone());
        let both = joined(a.clone(), &b);
        for held in a.facts.iter().chain(&b.facts) {
            prop_assert!(both.fact(held.location.as_str()).unwrap().version >= held.version);
        }
    }

    /// Facts may come late, twice and in any order: the result is the same.
    #[test]
    fn order_and_repeats_do_not_matter(facts in facts(), again in any::<prop::sample::Index>()) {
        let gather = |facts: &mut dyn Iterator<Item = Fact>| {
            let mut stock = Stock::default();
            for fact in facts {
                stock.join_fact(fact);
            }
            stock
        };
        let once = gather(&mut facts.iter().cloned());
        let mut shuffled: Vec<Fact> = facts.iter().rev().cloned().collect();
        if !facts.is_empty() {
            shuffled.push(again.get(&facts).clone());
        }
        prop_assert_eq!(gather(&mut shuffled.into_iter()), once);
    }
}
