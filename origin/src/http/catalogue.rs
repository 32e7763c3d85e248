//! Items, locations and channels.

use axum::extract::{Path, Request, State};
use onhand_http::query::{Params, no_parameters};
use onhand_wire::{
    ChannelId, LocationId, Problem, Stock,
    bulk::LoadFacts,
    limits,
    page::{Page, cursor, read_cursor, read_limit},
    request::{check_text, read},
    whole,
};
use serde_json::json;

use super::{Context, Reply, Shared, fail::Fail, stock::sku, write};
use crate::{
    answer::shown_fact,
    command::Command,
    decide::Rejection,
    store::{ProductQuery, words},
};

pub(super) async fn put_item(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::PutItem(sku(&name)?, read(body)?))).await
}

pub(super) async fn delete_item(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    context.write(request, |_| Ok(Command::DeleteItem(sku(&name)?))).await
}

/// The item and its facts, or 404.
pub(super) async fn item(context: &Context, sku: &onhand_wire::Sku) -> Result<Stock, Fail> {
    let load = LoadFacts { skus: vec![sku.clone()], ..LoadFacts::default() };
    let stock = context.store.load_facts(&load).await?.stocks.pop().unwrap_or_default();
    if stock.known() { Ok(stock) } else { Err(Problem::from(Rejection::UnknownSku(sku.clone())).into()) }
}

/// The item, and its stock at each location.
pub(super) async fn read_item(State(context): Shared, Path(name): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    no_parameters(parts.uri.query())?;
    let stock = item(&context, &sku(&name)?).await?;
    let mut shown = json!(stock.item);
    shown["stock"] = stock.facts.iter().filter(|fact| !fact.deleted).map(shown_fact).collect();
    Ok(write::json(&shown))
}

pub(super) async fn search(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let query = query(Params::of(parts.uri.query())?)?;
    let limit = query.limit;
    let mut items = context.store.products(&ProductQuery { limit: limit + 1, ..query }).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| cursor(last.sku.as_str()));
    Ok(write::json(&Page { items, next_cursor }))
}

fn query(mut params: Params) -> Result<ProductQuery, Problem> {
    let query = ProductQuery {
        words: words::of_query(&params.take("q")?.unwrap_or_default())?,
        brand: text(&mut params, "brand")?,
        attributes: attributes(&mut params)?,
        min_price: price(&mut params, "min_price")?,
        max_price: price(&mut params, "max_price")?,
        limit: read_limit(params.take("limit")?.as_deref())?,
        after: params.take("cursor")?.map(|text| read_cursor(&text)).transpose()?,
    };
    params.end()?;
    query.after.iter().try_for_each(|after| check_text("cursor", after))?;
    Ok(query)
}

/// No name has control characters, and PostgreSQL refuses NUL.
fn text(params: &mut Params, name: &str) -> Result<Option<String>, Problem> {
    let text = params.take(name)?;
    text.as_deref().map_or(Ok(()), |text| check_text(name, text))?;
    Ok(text)
}

fn attributes(params: &mut Params) -> Result<Vec<(String, String)>, Problem> {
    let attributes = params.take_prefixed("attr.");
    for (name, value) in &attributes {
        check_text("attr", name)?;
        check_text(&format!("attr.{name}"), value)?;
    }
    let Some((beyond, _)) = attributes.get(limits::SEARCH_ATTRIBUTES) else { return Ok(attributes) };
    Err(Problem::field(&format!("attr.{beyond}"), format!("at most {} attributes", limits::SEARCH_ATTRIBUTES)))
}

fn price(params: &mut Params, name: &str) -> Result<Option<i64>, Problem> {
    let Some(text) = params.take(name)? else { return Ok(None) };
    let price = whole(&text).filter(|price| (0..=limits::AMOUNT).contains(price));
    price
        .map(Some)
        .ok_or_else(|| Problem::field(name, format!("a whole number of minor units from 0 to {}", limits::AMOUNT)))
}

fn location_id(text: &str) -> Result<LocationId, Problem> {
    LocationId::new(text).map_err(|error| Problem::field("location", error))
}

fn channel_id(text: &str) -> Result<ChannelId, Problem> {
    ChannelId::new(text).map_err(|error| Problem::field("channel", error))
}

pub(super) async fn put_location(State(context): Shared, Path(id): Path<String>, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::PutLocation(location_id(&id)?, read(body)?))).await
}

pub(super) async fn put_channel(State(context): Shared, Path(id): Path<String>, request: Request) -> Reply {
    context.write(request, |body| Ok(Command::PutChannel(channel_id(&id)?, read(body)?))).await
}

pub(super) async fn read_location(State(context): Shared, Path(id): Path<String>) -> Reply {
    let id = location_id(&id)?;
    let found = context.store.load_topology().await?.locations.into_iter().find(|row| row.location == id);
    Ok(write::json(&found.ok_or_else(|| Problem::from(Rejection::UnknownLocation(id)))?))
}

pub(super) async fn read_channel(State(context): Shared, Path(id): Path<String>) -> Reply {
    let id = channel_id(&id)?;
    let found = context.store.load_topology().await?.channels.into_iter().find(|row| row.channel == id);
    Ok(write::json(&found.ok_or_else(|| Problem::from(Rejection::UnknownChannel(id)))?))
}
