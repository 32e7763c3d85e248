//! Three comparisons, and their corrections.
//!
//! | comparison | what is right | against |
//! |---|---|---|
//! | `counts` | what was counted | `on_hand` |
//! | `reservations` | the sum of open reservations | `reserved` |
//! | `ledger` | the sum of its changes, and its last line | both |
//!
//! A report reads one snapshot. What it finds only names rows: each is read again under its SKU's lock before anything
//! is written ([`crate::decide`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use onhand_wire::{
    Fact, LocationId, Problem, Quantity, Sku, Timestamp,
    bulk::{LOAD_SKUS, LoadFacts},
};
use serde_json::{Value, json};

use crate::{
    batch::Batches,
    command::{Ask, Command, Correction},
    store::{Comparison, Difference, Level, Store, StoreError},
    warehouse::Count,
};

/// Differences listed for each comparison, unknown names, and corrections listed; all are counted.
pub const LISTED: usize = 500;
/// Rows in one batch: each reads its SKU's whole ledger under the lock.
const CHUNK: usize = 100;
const PATIENCE: Duration = Duration::from_secs(30);
const COMPARISONS: [&str; 3] = ["counts", "reservations", "ledger"];

type Key = (Sku, LocationId);

/// What a report found.
pub struct Reconciliation {
    /// Rows that were compared.
    checked: i64,
    /// The number of counts; `None` if there were none.
    counts: Option<usize>,
    differences: Vec<Difference>,
    unknown: Vec<Value>,
    /// Rows to read again, with their counts.
    wrong: BTreeMap<Key, Option<Quantity>>,
}

/// What was corrected.
#[derive(Default)]
pub struct Corrected {
    pub rows: usize,
    pub listed: Vec<Value>,
    pub committed_at: Timestamp,
}

/// Refuses the same place counted twice.
pub fn check_counts(counts: &[Count]) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    for (index, count) in counts.iter().enumerate() {
        if !seen.insert((&count.sku, &count.location)) {
            let right = format!("{} at {} is counted twice", count.sku, count.location);
            return Err(Problem::field(&format!("counts[{index}]"), right));
        }
    }
    Ok(())
}

pub async fn report(store: &dyn Store, counts: Option<&[Count]>) -> Result<Reconciliation, StoreError> {
    let Comparison { checked, differences } = store.compare().await?;
    let mut report = Reconciliation {
        checked,
        counts: counts.map(<[Count]>::len),
        differences: Vec::new(),
        unknown: Vec::new(),
        wrong: BTreeMap::new(),
    };
    for found in &differences {
        if let (Ok(sku), Ok(location)) = (Sku::new(&found.sku), LocationId::new(&found.location)) {
            report.wrong.insert((sku, location), None);
        }
    }
    let counts = counts.unwrap_or_default();
    let locations: BTreeSet<LocationId> = store
        .load_topology()
        .await?
        .locations
        .into_iter()
        .filter(|location| !location.deleted)
        .map(|location| location.location)
        .collect();
    for part in counts.chunks(LOAD_SKUS) {
        report.compare_counts(store, part, &locations).await?;
    }
    report.differences.extend(differences);
    Ok(report)
}

impl Reconciliation {
    async fn compare_counts(
        &mut self,
        store: &dyn Store,
        counts: &[Count],
        locations: &BTreeSet<LocationId>,
    ) -> Result<(), StoreError> {
        let skus = counts.iter().map(|count| count.sku.clone()).collect();
        let stocks = store.load_facts(&LoadFacts { skus, ..LoadFacts::default() }).await?.stocks;
        for (count, stock) in counts.iter().zip(&stocks) {
            let code = match (stock.known(), locations.contains(&count.location)) {
                (false, _) => "unknown_sku",
                (_, false) => "unknown_location",
                _ => {
                    self.compare_count(count, stock.fact(count.location.as_str()));
                    continue;
                }
            };
            self.unknown.push(json!({"sku": count.sku, "location": count.location, "code": code}));
        }
        Ok(())
    }

    fn compare_count(&mut self, count: &Count, fact: Option<&Fact>) {
        let fact = fact.filter(|fact| !fact.deleted);
        let (on_hand, reserved) = fact.map_or((0, 0), |fact| (fact.on_hand, fact.reserved));
        let key = (count.sku.clone(), count.location.clone());
        let counted = count.on_hand.get();
        if counted != on_hand {
            self.differences.push(Difference {
                comparison: COMPARISONS[0],
                sku: count.sku.to_string(),
                location: count.location.to_string(),
                expected: Level { on_hand: counted, reserved },
                found: Level { on_hand, reserved },
            });
            self.wrong.insert(key, Some(count.on_hand));
        } else if let Some(wrong) = self.wrong.get_mut(&key) {
            // Its ledger differs from what was counted and found: the count is right.
            *wrong = Some(count.on_hand);
        }
    }

    pub fn shown(&self, mode: &str, corrected: Option<&Corrected>) -> Value {
        let of = |name: &'static str| self.differences.iter().filter(move |found| found.comparison == name);
        let totals: BTreeMap<&str, usize> = COMPARISONS.into_iter().map(|name| (name, of(name).count())).collect();
        let listed: Vec<&Difference> = COMPARISONS.into_iter().flat_map(|name| of(name).take(LISTED)).collect();
        let mut shown = json!({
            "mode": mode,
            "checked": self.checked,
            "counts": self.counts,
            "totals": totals,
            "differences": listed,
            "unknown": {"total": self.unknown.len(), "items": self.unknown.iter().take(LISTED).collect::<Vec<_>>()},
        });
        if self.counts.is_none() {
            shown["note"] =
                "counts were not compared: none were given, and origin.warehouse.url is not configured".into();
        }
        if let Some(corrected) = corrected {
            shown["corrected"] = json!({"total": corrected.rows, "items": corrected.listed});
        }
        shown
    }

    /// Corrects the rows through batches; each command recomputes what it writes.
    pub async fn apply(&self, batches: &Batches, ask: &Ask) -> Result<Corrected, Problem> {
        let mut corrected = Corrected::default();
        let rows: Vec<Correction> = self
            .wrong
            .iter()
            .map(|((sku, location), count)| Correction { sku: sku.clone(), location: location.clone(), count: *count })
            .collect();
        for part in rows.chunks(CHUNK) {
            // Repeating it changes nothing, but the key settles a lost answer.
            let key = uuid::Uuid::new_v4().to_string();
            let ask = Ask { command: Command::Reconcile(part.to_vec()), key, ..ask.clone() };
            let answer = batches.ask(ask, PATIENCE).await?;
            let body: Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let items = body["corrected"].as_array().cloned().unwrap_or_default();
            corrected.rows += items.len();
            let room = LISTED - corrected.listed.len();
            corrected.listed.extend(items.into_iter().take(room));
            corrected.committed_at = answer.committed_at;
        }
        Ok(corrected)
    }
}
