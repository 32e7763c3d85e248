//! A trial run: what an import would do, and nothing done.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    sync::Arc,
};

use onhand_wire::{LocationId, Problem, Sku, Stock, bulk::LoadFacts, limits};
use serde_json::{Value, json};

use super::{ImportReport, OnError, Options, Staged, known::unavailable, stage};
use crate::{
    command::{ImportMode, ImportRow},
    store::Store,
};

/// SKUs that are asked for at once.
const ASKED: usize = 500;
/// Rows that are remembered, to tell what a later one of the same SKU and location would change. A file that names more,
/// and one of them twice far apart, is told so.
const REMEMBERED: usize = 1_000_000;

type Key = (Sku, LocationId);

/// What would become of the rows.
#[derive(Default)]
struct Trial {
    /// On hand of what has gone by, as it would be.
    after: HashMap<Key, i64>,
    forgot: bool,
    made: HashSet<Sku>,
    created: u64,
    first_created: Vec<String>,
    changed: u64,
    unchanged: u64,
    /// The largest changes, by units.
    largest: BinaryHeap<Reverse<(i64, u64, Vec<String>)>>,
}

/// The report of a staged file that is not applied.
pub async fn try_out(store: &Arc<dyn Store>, mut staged: Staged, options: Options) -> Result<Value, Problem> {
    let mut report = ImportReport::of(&staged);
    let mut trial = Trial::default();
    let known = staged.known.clone();
    let aborted = staged.rejected > 0 && options.on_error == OnError::Abort;
    loop {
        let next = staged.meanwhile(move |staged| staged.next_chunk(options));
        let (back, rows) = next.await.map_err(stage::failed)?;
        staged = back;
        let mut rows = rows?;
        if rows.is_empty() {
            break;
        }
        for fault in known.check(&rows).await? {
            rows.retain(|row| row.row != fault.row);
            if options.on_error == OnError::Skip {
                report.reject(fault.row, fault.problem.code.as_str(), &fault.problem.detail);
            }
        }
        for some in rows.chunks(ASKED) {
            let stocks = load(store, some).await?;
            for row in some {
                match trial.row(row, &stocks) {
                    Ok(()) => report.applied += 1,
                    Err(detail) => report.reject(row.row, "insufficient_stock", &detail),
                }
            }
        }
    }
    if aborted {
        report.applied = 0;
    }
    report.errors.sort_by_key(|error| error["row"].as_u64());
    let mut shown = report.shown();
    shown["dry_run"] = true.into();
    shown["would"] = trial.shown();
    Ok(shown)
}

async fn load(store: &Arc<dyn Store>, rows: &[ImportRow]) -> Result<HashMap<Sku, Stock>, Problem> {
    let mut skus: Vec<Sku> = rows.iter().flat_map(|row| row.written.iter().chain([&row.sku])).cloned().collect();
    skus.sort_unstable();
    skus.dedup();
    let load = LoadFacts { skus: skus.clone(), ..LoadFacts::default() };
    let loaded = store.load_facts(&load).await.map_err(|error| unavailable(&error))?;
    Ok(skus.into_iter().zip(loaded.stocks).collect())
}

impl Trial {
    fn row(&mut self, row: &ImportRow, stocks: &HashMap<Sku, Stock>) -> Result<(), String> {
        let known = |sku: &Sku| stocks.get(sku).is_some_and(Stock::known);
        let sku = row.written.as_ref().filter(|written| known(written)).unwrap_or(&row.sku);
        let fact = stocks.get(sku).and_then(|stock| stock.fact(row.location.as_str())).filter(|fact| !fact.deleted);
        let key = (sku.clone(), row.location.clone());
        let before = self.after.get(&key).copied().or_else(|| fact.map(|fact| fact.on_hand));
        let from = before.unwrap_or_default();
        let to = match row.mode {
            ImportMode::Set => row.quantity,
            ImportMode::Adjust => from + row.quantity,
        };
        if !(0..=i64::from(limits::QUANTITY)).contains(&to) {
            return Err(format!("delta: on hand is {from}, it cannot become {to}"));
        }
        if !known(sku) && self.made.insert(sku.clone()) {
            self.created += 1;
            if self.first_created.len() < limits::IMPORT_ERRORS {
                self.first_created.push(sku.to_string());
            }
        }
        if before == Some(to) {
            self.unchanged += 1;
        } else {
            self.change(row, sku, from, to);
        }
        if self.after.len() < REMEMBERED || self.after.contains_key(&key) {
            self.after.insert(key, to);
        } else {
            self.forgot = true;
        }
        Ok(())
    }

    fn change(&mut self, row: &ImportRow, sku: &Sku, from: i64, to: i64) {
        self.changed += 1;
        let told = [sku.to_string(), row.location.to_string(), from.to_string(), to.to_string()];
        self.largest.push(Reverse(((to - from).abs(), row.row, told.to_vec())));
        if self.largest.len() > limits::IMPORT_ERRORS {
            self.largest.pop();
        }
    }

    fn shown(self) -> Value {
        let mut largest = self.largest.into_vec();
        largest.sort_unstable_by_key(|Reverse((by, row, _))| (Reverse(*by), *row));
        let number = |text: &String| text.parse::<i64>().unwrap_or_default();
        let change = |Reverse((_, row, told)): &Reverse<(i64, u64, Vec<String>)>| json!({"row": row, "sku": told[0], "location": told[1], "from": number(&told[2]), "to": number(&told[3])});
        let mut shown = json!({
            "create_items": self.created,
            "created": self.first_created,
            "change_stock": self.changed,
            "unchanged": self.unchanged,
            "changes": largest.iter().map(change).collect::<Vec<_>>(),
        });
        if self.forgot {
            shown["incomplete"] = "a SKU that stands in the file twice, far apart, may be told wrong".into();
        }
        shown
    }
}
