//! The body of each outcome.

use onhand_wire::{Fact, Problem, Sku};
use serde::Serialize;
use serde_json::{Value, json};

use crate::decide::{Corrected, Effect, RefusedRow};

/// Status and JSON.
pub(super) fn encode(effect: &Effect) -> (u16, String) {
    match effect {
        Effect::Item { before, now } => made(before.is_none(), now),
        Effect::Location { before, now } => made(before.is_none(), now),
        Effect::Channel { before, now } => made(before.is_none(), now),
        Effect::ItemDeleted { before } => (200, json!({"sku": before.sku, "deleted": true}).to_string()),
        Effect::LocationDeleted { before } => (200, json!({"location": before.location, "deleted": true}).to_string()),
        Effect::ChannelDeleted { before } => (200, json!({"channel": before.channel, "deleted": true}).to_string()),
        Effect::Maintenance { now, .. } => {
            (200, json!({"maintenanceMode": now.maintenance_mode, "message": now.message}).to_string())
        }
        Effect::Stock { sku, facts } => (200, stock(sku, facts).to_string()),
        Effect::Imported { applied, refused } => {
            let errors: Vec<Value> = refused.iter().map(refused_row).collect();
            (200, json!({"applied": applied, "errors": errors}).to_string())
        }
        Effect::Reconciled(rows) => {
            let corrected: Vec<Value> = rows.iter().map(corrected).collect();
            (200, json!({"corrected": corrected}).to_string())
        }
        Effect::Held(reservation) => made(true, reservation),
        Effect::Reservation(reservation) => made(false, reservation),
        Effect::Ordered(outcome) => made(false, outcome),
        Effect::Kept(body) => (200, body.clone()),
    }
}

fn made(new: bool, body: &impl Serialize) -> (u16, String) {
    (if new { 201 } else { 200 }, serde_json::to_string(body).expect("plain data encodes"))
}

/// Stock calls answer with the new facts; if there is only one, its members are also at the top.
fn stock(sku: &Sku, facts: &[Fact]) -> Value {
    let facts: Vec<Value> = facts.iter().map(shown_fact).collect();
    let mut body = match facts.as_slice() {
        [one] => one.clone(),
        _ => json!({"sku": sku}),
    };
    body["facts"] = facts.into();
    body
}

/// A fact as callers see it, with derived members.
pub(crate) fn shown_fact(fact: &Fact) -> Value {
    let mut shown = serde_json::to_value(fact).expect("plain data encodes");
    shown["available"] = fact.available().into();
    shown["backorderable"] = fact.backorderable().into();
    shown
}

fn refused_row(refused: &RefusedRow) -> Value {
    let problem = Problem::from(refused.rejection.clone());
    json!({"row": refused.row, "code": problem.code.as_str(), "detail": problem.detail})
}

fn corrected(row: &Corrected) -> Value {
    let level = |(on_hand, reserved): (i64, i64)| json!({"on_hand": on_hand, "reserved": reserved});
    json!({"sku": row.sku, "location": row.location, "before": level(row.before), "after": level(row.after)})
}
