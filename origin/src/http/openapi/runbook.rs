//! The inventory service's runbook.

use onhand_http::auth::Scope;
use onhand_wire::Code;
use serde_json::json;
use utoipa::openapi::{
    HttpMethod::{Get, Post},
    KnownFormat, ObjectBuilder, SchemaFormat,
    schema::Type,
};

use super::{
    answers::{EntryPage, LowStockPage, Nothing, ReconcileReport, Released, RestockSent, StuckPage},
    call::{Call, call},
    catalogue::{cursor, limit},
};
use crate::{
    http::{reconcile::Reconcile, trail::Note},
    trail::Kind,
};

const RUNBOOK: &str = "runbook";
const ID: &str = "0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b";
const AT: &str = "2026-01-31T09:30:00.000Z";

pub(super) fn calls() -> Vec<Call> {
    vec![low_stock(), stuck(), reconcile(), release_expired(), restock(), trail(), note()]
}

fn low_stock() -> Call {
    let low = json!({"sku": "22423", "location": "eu-1", "available": 4, "threshold": 5, "since": AT});
    let call = call(RUNBOOK, Get, "/internal/api/inventory/low-stock", "lowStock")
        .needs(Scope::Operator)
        .says("What is low", "Rows with no more available than `low_stock_at`, where that is above 0.");
    limit(cursor(call))
        .answers::<LowStockPage>(200, "A page, by SKU and location.", json!({"items": [low], "next_cursor": null}))
        .refuses(&[Code::InvalidRequest])
}

fn stuck() -> Call {
    let stuck = json!({
        "id": ID, "state": "confirmed", "reason": "not_shipped", "expires_at": null, "created_at": AT,
        "confirmed_at": AT, "order_ref": null, "units": 2,
        "lines": [{"line": 0, "sku": "22423", "location": "eu-1", "open": 2}],
    });
    let call = call(RUNBOOK, Get, "/internal/api/inventory/stuck-reservations", "stuckReservations")
        .needs(Scope::Operator)
        .says("What is stuck", "Held past the deadline and not swept, or confirmed long ago and not shipped.");
    limit(cursor(call))
        .answers::<StuckPage>(200, "A page, by id.", json!({"items": [stuck], "next_cursor": null}))
        .refuses(&[Code::InvalidRequest])
}

fn reconcile() -> Call {
    let example = json!({
        "mode": "apply", "checked": 4120, "counts": 1,
        "totals": {"counts": 1, "ledger": 0, "reservations": 0},
        "differences": [{"comparison": "counts", "sku": "22423", "location": "eu-1",
                         "expected": {"on_hand": 55, "reserved": 2}, "found": {"on_hand": 54, "reserved": 2}}],
        "unknown": {"total": 0, "items": []},
    });
    let counts = json!({"mode": "apply", "counts": [{"sku": "22423", "location": "eu-1", "on_hand": 55}]});
    call(RUNBOOK, Post, "/internal/api/inventory/reconcile", "reconcile")
        .writes(Scope::Operator)
        .says(
            "Compare, and correct",
            "Counts against rows, open reservations against `reserved`, the ledger against rows. `apply` sets wrong \
             rows right, through the ledger, and needs scope `admin`. Without `counts` the configured warehouse system is asked.",
        )
        .optional_body::<Reconcile>(counts)
        .answers::<ReconcileReport>(200, "What differs, and what was corrected.", example)
}

fn release_expired() -> Call {
    call(RUNBOOK, Post, "/internal/api/inventory/release-expired-reservations", "releaseExpired")
        .writes(Scope::Operator)
        .says("Sweep now", "Closes holds that are past their deadline.")
        .optional_body::<Nothing>(json!({}))
        .answers::<Released>(200, "What was closed; the first 10,000 ids.", json!({"released": 1, "ids": [ID]}))
}

fn restock() -> Call {
    call(RUNBOOK, Post, "/internal/api/inventory/trigger-restock-notifications", "triggerRestock")
        .writes(Scope::Operator)
        .says("Send what is due", "Crossings of thresholds, to the topic `onhand.restock` and to webhooks.")
        .optional_body::<Nothing>(json!({}))
        .answers::<RestockSent>(200, "What became of it.", json!({"sent": 1, "pending": 0, "failed": 0}))
}

fn trail() -> Call {
    let entry = json!({
        "id": 7, "time": AT, "actor": "anna", "kind": "location_put", "what": "eu-1",
        "detail": {"before": null, "after": {"location": "eu-1", "name": "Hall 1", "priority": 0}},
        "correlation": "c-1",
    });
    let call = call(RUNBOOK, Get, "/internal/api/audit", "trail")
        .needs(Scope::Operator)
        .says(
            "Who changed what",
            "Items, locations, channels, maintenance, releases of rules, starts, log levels and cleared caches, newest \
             first. Changes of stock stand in the ledger.",
        )
        .query("actor", "Only this token's subject.", ObjectBuilder::new().schema_type(Type::String))
        .query(
            "kind",
            "Only this kind.",
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Kind::WORDS.iter().copied())),
        )
        .query("from", "Not before this moment.", moment())
        .query("to", "Before this moment.", moment());
    limit(cursor(call))
        .answers::<EntryPage>(200, "A page, newest first.", json!({"items": [entry], "next_cursor": null}))
        .refuses(&[Code::InvalidRequest])
}

fn moment() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

fn note() -> Call {
    let note = json!({"kind": "caches_cleared", "what": "edge eu-1", "detail": "l1, l2"});
    call(RUNBOOK, Post, "/internal/api/audit", "noteInTrail")
        .needs(Scope::Operator)
        .says(
            "Add to the trail",
            "What an operator did at a node without a database; edges send it with the operator's own token.",
        )
        .body::<Note>(note)
        .answers::<Nothing>(200, "It stands in the trail.", json!({}))
        .refuses(&[Code::InvalidRequest, Code::TooLarge, Code::UnsupportedMediaType])
}
