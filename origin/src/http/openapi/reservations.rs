//! Reservations.

use onhand_http::auth::Scope;
use onhand_wire::{
    Code, LocationId, Sku,
    request::{Cancel, Confirm, Extend, Fulfil, Hold, Reallocate, Return, SetLines},
    reservation::Reservation,
    schema,
};
use serde_json::json;
use utoipa::openapi::{
    HttpMethod::{Get, Post, Put},
    KnownFormat, ObjectBuilder, SchemaFormat,
    schema::Type,
};

use super::{
    answers::{ReservationPage, Trace},
    call::{Call, call},
    catalogue::{cursor, limit, reference},
    examples::reservation,
};

const TAG: &str = "reservations";

pub(super) fn calls() -> Vec<Call> {
    vec![
        create(),
        list(),
        read(),
        set_lines(),
        extend(),
        confirm(),
        cancel(),
        fulfil(),
        give_back(),
        reallocate(),
        trace(),
    ]
}

fn on_reservation(call: Call) -> Call {
    let id = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    call.path_of("id", "The reservation's; a malformed one is not_found.", id).refuses(&[Code::NotFound])
}

fn create() -> Call {
    let example = json!({"lines": [{"sku": "22423", "quantity": 2}], "ttl_s": 600, "order_ref": "order-1001"});
    let call = call(TAG, Post, "/v1/reservations", "createReservation").writes(Scope::Storefront).key_required();
    let call = call.says(
        "Hold stock",
        "With policy `all`, every line in full or nothing is written and every short line is named; with `partial`, \
         what can be held is held, and nothing at all is insufficient_stock. All available stock is used before any \
         backorder. At its deadline a hold counts for nothing, swept or not. A `ttl_s` beyond the origin's limit is \
         400; a hold that would take its owner's open units beyond the limit is 429 with `limit` and `open`.",
    );
    let call = call.body::<Hold>(example).answers::<Reservation>(201, "Held.", reservation("held"));
    call.refuses(&[
        Code::UnknownSku,
        Code::UnknownLocation,
        Code::UnknownChannel,
        Code::InsufficientStock,
        Code::RateLimited,
    ])
}

fn read() -> Call {
    let call = call(TAG, Get, "/v1/reservations/{id}", "getReservation").needs(Scope::Storefront);
    let call = on_reservation(call).says("A reservation", "");
    let call = call.answers::<Reservation>(200, "The reservation as it is now.", reservation("held"));
    call.refuses(&[Code::InvalidRequest])
}

pub(super) fn moment() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
}

fn list() -> Call {
    let states = ["held", "confirmed", "fulfilled", "cancelled", "expired"];
    let state = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(states));
    let text = ObjectBuilder::from(schema::optional_text()).schema_type(Type::String).build();
    let call = call(TAG, Get, "/v1/reservations", "listReservations").needs(Scope::Storefront);
    let call = call.says(
        "Find reservations",
        "A storefront names an `order_ref`, and sees its own owner's; everything else needs scope `operator`. The \
         latest first.",
    );
    let call = call
        .query("order_ref", "The shop's own number of the order, in full.", text)
        .query("sku", "It holds, or held, some of this item.", reference::<Sku>())
        .query("location", "Some of it comes, or came, from there.", reference::<LocationId>())
        .query("state", "A hold past its deadline is expired.", state)
        .query("from", "Made at this moment or later.", moment())
        .query("to", "Made before this moment.", moment());
    let page = json!({"items": [reservation("held")], "next_cursor": null});
    limit(cursor(call)).answers::<ReservationPage>(200, "A page.", page).refuses(&[Code::InvalidRequest])
}

fn set_lines() -> Call {
    let call = on_reservation(call(TAG, Put, "/v1/reservations/{id}/lines", "setReservationLines"));
    let call = call.writes(Scope::Storefront).says(
        "Change what a hold holds",
        "The lines replace those that are there: all of them in full, or nothing changes and every short line is \
         named. What it holds already is not in its own way. The deadline stays.",
    );
    let call = call.body::<SetLines>(json!({"lines": [{"sku": "22423", "quantity": 3}]}));
    call.answers::<Reservation>(200, "Changed.", reservation("held")).refuses(&[
        Code::ReservationState,
        Code::UnknownSku,
        Code::UnknownLocation,
        Code::InsufficientStock,
        Code::RateLimited,
    ])
}

fn reallocate() -> Call {
    verb("/v1/reservations/{id}/reallocate", "reallocateReservation", Scope::Operator)
        .says("Move an allocation", "Some of a line that is held or confirmed is to come from another location.")
        .body::<Reallocate>(json!({"line": 0, "from": "eu-1", "to": "eu-2", "quantity": 1}))
        .answers::<Reservation>(200, "Moved.", reservation("confirmed"))
        .refuses(&[Code::UnknownLocation, Code::InsufficientStock])
}

/// What the verbs share.
fn verb(path: &'static str, id: &'static str, scope: Scope) -> Call {
    on_reservation(call(TAG, Post, path, id).writes(scope)).refuses(&[Code::ReservationState])
}

fn extend() -> Call {
    verb("/v1/reservations/{id}/extend", "extendReservation", Scope::Storefront)
        .says("Move a hold's deadline", "From now; a held one only.")
        .body::<Extend>(json!({"ttl_s": 900}))
        .answers::<Reservation>(200, "Extended.", reservation("held"))
}

fn confirm() -> Call {
    let call = verb("/v1/reservations/{id}/confirm", "confirmReservation", Scope::Storefront);
    let call = call.says(
        "Confirm a hold",
        "A line left out is confirmed whole; less than held gives the rest back. The same call again answers 200 \
         unchanged.",
    );
    let call = call.optional_body::<Confirm>(json!({"lines": [{"line": 0, "quantity": 2}]}));
    let call = call.answers::<Reservation>(200, "Confirmed.", reservation("confirmed"));
    call.refuses(&[Code::InsufficientStock])
}

fn cancel() -> Call {
    verb("/v1/reservations/{id}/cancel", "cancelReservation", Scope::Storefront)
        .says("Cancel", "What isn't shipped is given back.")
        .optional_body::<Cancel>(json!({"reason": "changed their mind"}))
        .answers::<Reservation>(200, "Cancelled.", reservation("cancelled"))
}

fn fulfil() -> Call {
    verb("/v1/reservations/{id}/fulfil", "fulfilReservation", Scope::Fulfilment)
        .says(
            "Ship",
            "On hand and reserved both fall; never more than is on hand. Repeatable until all is shipped. From a location \
             that is named, also what the line has elsewhere, as far as it is available there.",
        )
        .optional_body::<Fulfil>(json!({"lines": [{"line": 0, "quantity": 2, "location": "eu-1"}]}))
        .answers::<Reservation>(200, "Shipped.", reservation("fulfilled"))
        .refuses(&[Code::UnknownLocation, Code::InsufficientStock])
}

fn give_back() -> Call {
    verb("/v1/reservations/{id}/return", "returnReservation", Scope::Fulfilment)
        .says("Take shipped goods back", "On hand rises where they were shipped from, or at the location named. What has shipped may come back after the rest was cancelled, too.")
        .body::<Return>(json!({"lines": [{"line": 0, "quantity": 1}], "location": "eu-1"}))
        .answers::<Reservation>(200, "Returned.", reservation("fulfilled"))
        .refuses(&[Code::UnknownSku, Code::UnknownLocation, Code::InsufficientStock])
}

fn trace() -> Call {
    let example = json!({
        "id": "0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b", "allocated_by": "pickup-first", "calls": [{
            "world": "ranking", "rule": "pickup-first", "component": "5feceb66…", "digest": "6b86b273…", "config": {},
            "input": {"at": "2026-01-31T09:30:00.000Z", "channel": "web", "destination": null, "lines": [],
                      "locations": [{"location": "eu-1", "region": null, "priority": 0, "lat": null, "lon": null,
                                     "pickup": true}], "stock": []},
            "answer": [0],
        }],
    });
    let call = call(TAG, Get, "/internal/api/reservations/{id}/trace", "getReservationTrace").needs(Scope::Operator);
    let call = on_reservation(call).says(
        "Why it is allocated as it is",
        "Every rule that was asked, with its settings, its input, and its answer or fault. An element of `calls`, in a \
         file, is what `onhand rule replay` runs again.",
    );
    call.answers::<Trace>(200, "Empty `calls`: a built-in strategy decided.", example).refuses(&[Code::InvalidRequest])
}
