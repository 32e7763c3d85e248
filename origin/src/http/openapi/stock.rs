//! Stock calls, the ledger and imports.

use onhand_http::auth::Scope;
use onhand_wire::{
    ChannelId, Code, LocationId, Sku,
    request::{Adjust, Policy, SetStock, Transfer},
};
use serde_json::json;
use utoipa::openapi::{
    HttpMethod::{Get, Post, Put},
    Object, ObjectBuilder, Required,
    schema::Type,
};

use super::{
    answers::{ImportReport, LedgerPage, StockAnswer},
    call::{Call, call},
    catalogue::{cursor, limit, reference},
    examples::{fact, one_fact},
    headers,
    reservations::moment,
};

const TAG: &str = "stock";

pub(super) fn calls() -> Vec<Call> {
    vec![set(), adjust(), policy(), transfer(), ledger(), import(), export(), export_ledger()]
}

fn sku(call: Call) -> Call {
    call.path::<Sku>("sku", "Percent-encoded.").refuses(&[Code::UnknownSku])
}

fn set() -> Call {
    let example = json!({"location": "eu-1", "quantity": 55, "reason": "stock take", "expected_on_hand": 57});
    let call = sku(call(TAG, Put, "/inventory/products/{sku}/stock", "setStock").writes(Scope::Admin));
    call.says("Set on hand", "With `expected_version` or `expected_on_hand`, only if that is what is there.")
        .body::<SetStock>(example)
        .answers::<StockAnswer>(200, "Set.", one_fact(55))
        .refuses(&[Code::UnknownLocation, Code::VersionMismatch])
}

fn adjust() -> Call {
    let example = json!({"location": "eu-1", "delta": -2, "kind": "damaged", "reason": "dropped"});
    let call = sku(call(TAG, Post, "/inventory/products/{sku}/adjustments", "adjustStock").writes(Scope::Operator));
    call.says("Change on hand", "Below zero is refused, and so is more than 1,000,000,000.")
        .body::<Adjust>(example)
        .answers::<StockAnswer>(200, "Changed.", one_fact(53))
        .refuses(&[Code::UnknownLocation, Code::InsufficientStock])
}

fn policy() -> Call {
    let example = json!({"location": "eu-1", "safety_stock": 3, "low_stock_at": 5, "restock_at": "2026-03-01"});
    let call = sku(call(TAG, Put, "/inventory/products/{sku}/policy", "setPolicy").writes(Scope::Operator));
    call.says("Merge the selling policy", "Of one location, or of all where the item has stock rows.")
        .optional_body::<Policy>(example)
        .answers::<StockAnswer>(200, "Merged.", one_fact(53))
        .refuses(&[Code::UnknownLocation])
}

fn transfer() -> Call {
    let example = json!({"sku": "22423", "from": "eu-1", "to": "eu-2", "quantity": 5, "reason": "balance"});
    call(TAG, Post, "/inventory/transfers", "transferStock")
        .writes(Scope::Operator)
        .says("Move stock", "What is available at `from`; both sides or neither. `to` must differ from `from`.")
        .body::<Transfer>(example)
        .answers::<StockAnswer>(200, "Moved.", json!({"sku": "22423", "facts": [fact("eu-1", 48), fact("eu-2", 35)]}))
        .refuses(&[Code::UnknownSku, Code::UnknownLocation, Code::InsufficientStock])
}

fn ledger() -> Call {
    let example = json!({
        "items": [{
            "id": 17, "time": "2026-01-31T09:30:00.000Z", "actor": "warehouse", "kind": "set", "reason": "stock take",
            "sku": "22423", "location": "eu-1", "before": {"on_hand": 57, "reserved": 2},
            "after": {"on_hand": 55, "reserved": 2}, "reservation": null, "correlation": "c-1",
        }],
        "next_cursor": null,
    });
    let call = sku(call(TAG, Get, "/inventory/products/{sku}/ledger", "readLedger").needs(Scope::Operator));
    let call = call.says("Every change of an item's stock", "Newest first, holds included.");
    let call = call.query("location", "Only this location's.", reference::<LocationId>());
    limit(cursor(call))
        .answers::<LedgerPage>(200, "A page.", example)
        .refuses(&[Code::InvalidRequest, Code::UnknownLocation])
}

fn word(words: &[&str], default: &str) -> Object {
    let word = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.to_vec()));
    word.default(Some(default.into())).into()
}

fn import() -> Call {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let string = || ObjectBuilder::new().schema_type(Type::String);
    let call = call(TAG, Post, "/inventory/imports", "importStock").needs(Scope::Operator).takes(headers::key(false));
    let call = call.takes(headers::packed()).says(
        "Import stock",
        "CSV with a header, or NDJSON, streamed; columns `sku,location,quantity` and optionally \
         `name,brand,price,currency,safety_stock,backorder_limit,low_stock_at,restock_at,active,attributes`, or what \
         shops export, known by its header. `mode=set`, `create=true` and the columns name, brand, price, active and \
         attributes need scope `admin`. `on_error=abort` with an invalid row applies nothing and still answers 200 \
         with `applied` 0. With an `Idempotency-Key`, a broken import resumes. `dry_run=true` writes nothing, keeps \
         nothing under a key, and needs what the run would need.",
    );
    let call = call
        .query("format", "Of a shop's export; else the header tells.", string())
        .query("map", "Other columns: `sku=Item No.,quantity=Count,location=Store`.", string())
        .query("location", "The id or the name of where rows go that name no location.", string())
        .query("charset", "In which letters the file is; else its BOM tells, or the `Content-Type`.", string())
        .query("locale", "How numbers are written: `en`, `de`, `fr`, `ch` and others.", string())
        .query("dry_run", "Whether nothing is to be written.", word(&["false", "true"], "false"));
    let call = call
        .query("mode", "Quantities are counts, or changes.", word(&["set", "adjust"], "set"))
        .query("on_error", "What an invalid row does.", word(&["abort", "skip"], "abort"))
        .query("create", "Whether unknown SKUs are created.", word(&["false", "true"], "false"))
        .content("text/csv", text(), json!("sku,location,quantity\n22423,eu-1,55\n"), Required::True)
        .content(
            "application/x-ndjson",
            text(),
            json!("{\"sku\":\"22423\",\"location\":\"eu-1\",\"quantity\":55}\n"),
            Required::True,
        );
    let example = json!({
        "read": 2, "applied": 0, "rejected": 1,
        "errors": [{"row": 3, "code": "unknown_sku", "detail": "sku: 99999 is not in the catalogue"}],
    });
    call.answers_written::<ImportReport>(200, "Read to the end.", example).refuses(&[
        Code::InvalidRequest,
        Code::TooLarge,
        Code::UnsupportedMediaType,
        Code::IdempotencyKeyReused,
        Code::Maintenance,
        Code::Overloaded,
        Code::DeadlineExceeded,
    ])
}

fn export() -> Call {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    let example = "sku,location,quantity,name,brand,price,currency,safety_stock,backorder_limit,low_stock_at,restock_at,\
                   active,attributes,reserved,available\n22423,eu-1,55,Cakestand,,,,0,0,5,,true,,2,53\n";
    call(TAG, Get, "/inventory/stock", "exportStock")
        .needs(Scope::Operator)
        .says(
            "All stock as a file",
            "Streamed from one snapshot, by SKU and location; an import reads it back (`reserved` and `available` are \
             left). An export that breaks off breaks off the body.",
        )
        .query("format", "", word(&["csv", "ndjson"], "csv"))
        .query("location", "Only this location's.", reference::<LocationId>())
        .query("channel", "Only of this channel's locations.", reference::<ChannelId>())
        .query("changed_since", "Only where the stock or its item has changed at this moment or later.", moment())
        .answers_with(200, "The file.", "text/csv", text(), json!(example))
        .refuses(&[Code::InvalidRequest, Code::UnknownLocation, Code::UnknownChannel, Code::Overloaded])
}

fn export_ledger() -> Call {
    let text = || ObjectBuilder::new().schema_type(Type::String).build();
    call(TAG, Get, "/inventory/ledger", "exportLedger")
        .needs(Scope::Operator)
        .says("The ledger as a file", "Streamed from one snapshot, oldest first.")
        .query("format", "", word(&["csv", "ndjson"], "csv"))
        .query("sku", "Only this item's.", reference::<Sku>())
        .query("location", "Only this location's.", reference::<LocationId>())
        .query("from", "At this moment or later.", moment())
        .query("to", "Before this moment.", moment())
        .answers_with(200, "The file.", "text/csv", text(), serde_json::Value::Null)
        .refuses(&[Code::InvalidRequest, Code::Overloaded])
}
