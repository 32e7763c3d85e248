//! Compares the books with the rows.

use std::collections::HashMap;

use onhand_checker::Key;
use onhand_wire::Fact;

use super::Check;
use crate::replay::stage::Stage;

pub(super) async fn compare(stage: &Stage, facts: &HashMap<Key, Fact>) -> [Check; 3] {
    let totals = stage.books.totals().await;
    let mut reserved = Check::new("Σ holds = reserved", "rows");
    let mut on_hand = Check::new("stock − shipped + returned = on hand", "rows");
    let mut sold = Check::new("sold ≤ stock", "rows");
    for (key, row) in &stage.seeded.rows {
        let (sku, location) = key;
        let of = |units: &HashMap<Key, i64>| units.get(key).copied().unwrap_or_default();
        let (open, shipped) = (of(&totals.reserved), of(&totals.shipped));
        let Some(fact) = facts.get(key) else {
            reserved.compare(false, || format!("{sku} at {location}: the origin has no row"));
            continue;
        };
        reserved.compare(fact.reserved == row.reserved + open, || {
            format!("{sku} at {location}: reserved {}, acknowledged {}", fact.reserved, row.reserved + open)
        });
        on_hand.compare(fact.on_hand == row.on_hand - shipped, || {
            format!("{sku} at {location}: on hand {}, {} less {shipped} shipped", fact.on_hand, row.on_hand)
        });
        let sellable = row.on_hand - row.reserved;
        sold.compare(open + shipped <= sellable && fact.reserved <= fact.on_hand, || {
            format!("{sku} at {location}: {} sold of {sellable}", open + shipped)
        });
    }
    [reserved, on_hand, sold]
}
