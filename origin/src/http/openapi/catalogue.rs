//! Items, locations and channels.

use onhand_http::auth::Scope;
use onhand_wire::{
    Channel, ChannelId, Code, Item, Location, LocationId, Sku, limits,
    request::{PutChannel, PutItem, PutLocation},
    schema,
};
use serde_json::{Value, json};
use utoipa::{
    ToSchema,
    openapi::{
        HttpMethod::{Delete, Get, Put},
        Object, ObjectBuilder, Ref, Schema,
        path::{ParameterBuilder, ParameterIn, ParameterStyle},
        schema::Type,
    },
};

use super::{
    answers::{ChannelPage, DeletedChannel, DeletedItem, DeletedLocation, ItemPage, ItemWithStock, LocationPage},
    call::{Call, call},
    examples,
};

const TAG: &str = "catalogue";

pub(super) fn calls() -> Vec<Call> {
    let mut calls = vec![search(), read_item(), put_item(), delete_item()];
    calls.extend([locations(), read_location(), put_location(), delete_location()]);
    calls.extend([channels(), read_channel(), put_channel(), delete_channel()]);
    calls
}

/// A component that bodies name anyway.
pub(super) fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

pub(super) fn whole(least: usize, most: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least)).maximum(Some(most))
}

pub(super) fn limit(call: Call) -> Call {
    let limit = whole(1, limits::PAGE).default(Some(limits::PAGE_DEFAULT.into()));
    call.query("limit", "Most items on the page.", limit)
}

pub(super) fn cursor(call: Call) -> Call {
    call.query("cursor", "The page before's `next_cursor`.", Object::with_type(Type::String))
}

fn search() -> Call {
    let text = || ObjectBuilder::from(schema::optional_text()).schema_type(Type::String).build();
    let price = || whole(0, limits::AMOUNT as usize);
    let named = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^attr[.]")).build();
    let attributes = ObjectBuilder::new().schema_type(Type::Object).property_names(Some(Schema::Object(named)));
    let attributes = attributes.max_properties(Some(limits::SEARCH_ATTRIBUTES));
    let letter = r"[^\x00-\x20\x7f-\x9f]";
    let words = format!("^ *({letter}+ +){{0,{}}}{letter}*$", limits::SEARCH_WORDS - 1);
    let words =
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(limits::TEXT_BYTES)).pattern(Some(words));
    let said = format!(
        "Every word a case-insensitive prefix of the SKU or of a word of name or brand; at most {} words.",
        limits::SEARCH_WORDS
    );
    let attributes = ParameterBuilder::new()
        .name("attributes")
        .parameter_in(ParameterIn::Query)
        .style(Some(ParameterStyle::Form))
        .explode(Some(true))
        .description(Some("`attr.NAME=`: attributes that the item has, each in full; at most 16."))
        .schema(Some(attributes.additional_properties(Some(Schema::Object(text())))));
    let call = call(TAG, Get, "/inventory/products", "searchItems").needs(Scope::Storefront);
    let call = call
        .says("Search items", "Prices in minor units, inclusive.")
        .query("q", &said, words)
        .query("brand", "In full.", text())
        .takes(attributes.build())
        .query("min_price", "", price())
        .query("max_price", "", price());
    let page = json!({"items": [examples::item()], "next_cursor": "MjI0MjM"});
    limit(cursor(call)).answers::<ItemPage>(200, "A page, by SKU.", page).refuses(&[Code::InvalidRequest])
}

fn on_item(method: utoipa::openapi::HttpMethod, id: &'static str) -> Call {
    call(TAG, method, "/inventory/products/{sku}", id).path::<Sku>("sku", "Percent-encoded.")
}

fn read_item() -> Call {
    let mut example = examples::item();
    example["stock"] = json!([examples::fact("eu-1", 55)]);
    on_item(Get, "getItem")
        .needs(Scope::Operator)
        .says("An item, and what is where", "")
        .answers::<ItemWithStock>(200, "The item.", example)
        .refuses(&[Code::InvalidRequest, Code::UnknownSku])
}

fn put_item() -> Call {
    let example = json!({
        "name": "Regency cakestand 3 tier", "brand": "Regency", "attributes": {"colour": "white"},
        "price": {"amount": 1275, "currency": "GBP"},
    });
    let call = on_item(Put, "putItem").writes(Scope::Admin).body::<PutItem>(example);
    created::<Item>(call.says("Create or replace an item", ""), examples::item)
}

/// 201 when new, else 200: the same body.
fn created<T: ToSchema>(call: Call, example: fn() -> Value) -> Call {
    call.answers::<T>(201, "Created.", example()).answers::<T>(200, "Replaced.", example())
}

fn delete_item() -> Call {
    on_item(Delete, "deleteItem")
        .writes(Scope::Admin)
        .says("Delete an item", "Refused while reservations are open. A body is ignored.")
        .answers::<DeletedItem>(200, "Deleted.", json!({"sku": "22423", "deleted": true}))
        .refuses(&[Code::UnknownSku, Code::InUse])
}

fn locations() -> Call {
    let page = json!({"items": [examples::location()], "next_cursor": null});
    let call = call(TAG, Get, "/inventory/locations", "listLocations").needs(Scope::Operator);
    limit(cursor(call.says("All locations", "By id.")))
        .answers::<LocationPage>(200, "A page.", page)
        .refuses(&[Code::InvalidRequest])
}

fn delete_location() -> Call {
    let says = "Refused while a channel names it, or anything lies or is held there: the problem says what. While it is \
                deleted, writes that are under way are waited for once. A body is ignored.";
    on_location(Delete, "deleteLocation")
        .writes(Scope::Admin)
        .says("Delete a location", says)
        .answers::<DeletedLocation>(200, "Deleted.", json!({"location": "eu-1", "deleted": true}))
        .refuses(&[Code::UnknownLocation, Code::InUse])
}

fn channels() -> Call {
    let page = json!({"items": [examples::channel()], "next_cursor": null});
    let call = call(TAG, Get, "/inventory/channels", "listChannels").needs(Scope::Operator);
    limit(cursor(call.says("All channels", "By id.")))
        .answers::<ChannelPage>(200, "A page.", page)
        .refuses(&[Code::InvalidRequest])
}

fn delete_channel() -> Call {
    on_channel(Delete, "deleteChannel")
        .writes(Scope::Admin)
        .says("Delete a channel", "Refused while open holds were made for it. A body is ignored.")
        .answers::<DeletedChannel>(200, "Deleted.", json!({"channel": "web", "deleted": true}))
        .refuses(&[Code::UnknownChannel, Code::InUse])
}

fn on_location(method: utoipa::openapi::HttpMethod, id: &'static str) -> Call {
    call(TAG, method, "/inventory/locations/{id}", id).path::<LocationId>("id", "The location's.")
}

fn read_location() -> Call {
    on_location(Get, "getLocation")
        .needs(Scope::Operator)
        .says("A location", "")
        .answers::<Location>(200, "The location.", examples::location())
        .refuses(&[Code::InvalidRequest, Code::UnknownLocation])
}

fn put_location() -> Call {
    let example = json!({"name": "Rotterdam", "region": "eu", "priority": 0, "lat": 51.92, "lon": 4.48});
    let call = on_location(Put, "putLocation").writes(Scope::Admin).body::<PutLocation>(example);
    created::<Location>(call.says("Create or replace a location", ""), examples::location)
}

fn on_channel(method: utoipa::openapi::HttpMethod, id: &'static str) -> Call {
    call(TAG, method, "/inventory/channels/{id}", id).path::<ChannelId>("id", "The channel's.")
}

fn read_channel() -> Call {
    on_channel(Get, "getChannel")
        .needs(Scope::Operator)
        .says("A channel", "")
        .answers::<Channel>(200, "The channel.", examples::channel())
        .refuses(&[Code::InvalidRequest, Code::UnknownChannel])
}

fn put_channel() -> Call {
    let example = json!({"locations": ["eu-1", "eu-2"], "allocation": "priority"});
    let call = on_channel(Put, "putChannel").writes(Scope::Admin).body::<PutChannel>(example);
    let call = created::<Channel>(call.says("Create or replace a channel", ""), examples::channel);
    call.refuses(&[Code::UnknownLocation])
}
