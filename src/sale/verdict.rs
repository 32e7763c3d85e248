//! What must hold after a sale.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use onhand_client::OrderRow;
use onhand_wire::{Timestamp, order::OrderState};

use super::buyers::Placed;

/// Faults that are listed; all are counted.
const LISTED: usize = 10;

pub(super) fn sold(rows: &BTreeMap<String, OrderRow>, sku: &str) -> i64 {
    rows.values().filter(|row| row.sku == sku && row.state == OrderState::Confirmed).count() as i64
}

pub(super) fn faults(
    placed: &[Placed],
    rows: &BTreeMap<String, OrderRow>,
    before: &BTreeMap<String, i64>,
    after: &BTreeMap<String, i64>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let ids: BTreeSet<&str> = placed.iter().map(|placed| placed.id.as_str()).collect();
    if ids.len() != placed.len() {
        faults.push(format!("{} orders were accepted under {} ids", placed.len(), ids.len()));
    }
    faults.extend(listed(placed.iter().filter_map(|placed| match rows.get(&placed.id) {
        None => Some(format!("{} of {} was accepted and is nowhere", placed.id, placed.sku)),
        Some(row) if !row.state.is_final() => Some(format!("{} is still {}", placed.id, row.state.as_str())),
        Some(_) => None,
    })));
    for (sku, had) in before {
        let (sold, left) = (sold(rows, sku), after.get(sku).copied().unwrap_or_default());
        if sold > *had {
            faults.push(format!("{sku}: {sold} sold of {had}"));
        }
        if sold + left != *had {
            faults.push(format!("{sku}: {sold} sold and {left} left are not the {had} that there were"));
        }
    }
    faults.extend(out_of_order(rows));
    faults
}

fn listed(faults: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = faults.collect();
    let more = all.len().saturating_sub(LISTED);
    all.truncate(LISTED);
    all.extend((more > 0).then(|| format!("… and {more} more like these")));
    all
}

/// In one lane, orders of one SKU are decided in the order of their offsets; one that was set aside has left its line.
fn out_of_order(rows: &BTreeMap<String, OrderRow>) -> Vec<String> {
    let mut lines = HashMap::<(&str, &str), Vec<&OrderRow>>::new();
    for row in rows.values().filter(|row| row.attempts == 0 && row.cause.is_none()) {
        lines.entry((row.lane.as_str(), row.sku.as_str())).or_default().push(row);
    }
    let mut faults = Vec::new();
    for ((lane, sku), mut line) in lines {
        line.sort_by_key(|row| (row.partition, row.offset));
        let mut last = Timestamp::default();
        for row in line {
            // What is being paid has its decision behind it; its outcome comes when the hook answers.
            let Some(decided) = row.decided_at.filter(|_| row.reason.as_deref() != Some("declined")) else { continue };
            if decided < last {
                faults.push(format!("{} of {sku} in {lane} was decided before one that was written earlier", row.id));
            }
            last = last.max(decided);
        }
    }
    listed(faults.into_iter())
}
