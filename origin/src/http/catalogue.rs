//! Items, locations and channels.

use axum::extract::{Path, Request, State};
use onhand_http::query::{Params, no_parameters};
use onhand_wire::{
    ChannelId, Location, LocationId, Problem, Stock,
    bulk::LoadFacts,
    limits,
    page::{Page, cursor, read_cursor, read_limit},
    request::{PutLocation, check_text, read},
    whole,
};
use serde_json::json;

use super::{
    Context, Reply, Shared,
    fail::Fail,
    runbook::{page_among, paged},
    stock::sku,
    whole::{self, Begun},
    write,
};
use crate::{
    answer::shown_fact,
    command::{Ask, Command},
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
    let found =
        context.store.load_topology().await?.locations.into_iter().find(|row| row.location == id && !row.deleted);
    Ok(write::json(&found.ok_or_else(|| Problem::from(Rejection::UnknownLocation(id)))?))
}

pub(super) async fn read_channel(State(context): Shared, Path(id): Path<String>) -> Reply {
    let id = channel_id(&id)?;
    let found = context.store.load_topology().await?.channels.into_iter().find(|row| row.channel == id && !row.deleted);
    Ok(write::json(&found.ok_or_else(|| Problem::from(Rejection::UnknownChannel(id)))?))
}

/// By id.
pub(super) async fn locations(State(context): Shared, request: Request) -> Reply {
    let mut rows = context.store.load_topology().await?.locations;
    rows.retain(|row| !row.deleted);
    list(&request, rows, |row| row.location.as_str())
}

/// By id.
pub(super) async fn channels(State(context): Shared, request: Request) -> Reply {
    let mut rows = context.store.load_topology().await?.channels;
    rows.retain(|row| !row.deleted);
    list(&request, rows, |row| row.channel.as_str())
}

fn list<T: serde::Serialize>(request: &Request, mut rows: Vec<T>, id: fn(&T) -> &str) -> Reply {
    let mut params = Params::of(request.uri().query())?;
    let (limit, beyond) = page_among(&mut params)?;
    params.end()?;
    rows.sort_by(|one, other| id(one).cmp(id(other)));
    rows.retain(|row| beyond.as_deref().is_none_or(|beyond| id(row) > beyond));
    rows.truncate(limit + 1);
    Ok(write::json(&paged(rows, limit, |row| id(row).to_owned())))
}

/// Refused with what depends on it.
pub(super) async fn delete_channel(State(context): Shared, Path(id): Path<String>, request: Request) -> Reply {
    let id = channel_id(&id)?;
    let held = context.store.holds_for(&id).await?;
    context.write(request, |_| Ok(Command::DeleteChannel(id, held))).await
}

/// Refused with what depends on it. Its goods are looked at twice: before it goes, and once no batch can be under way
/// that still knows it; what came between brings it back.
pub(super) async fn delete_location(State(context): Shared, Path(id): Path<String>, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let claims = write::claims(&parts)?;
    no_parameters(parts.uri.query())?;
    onhand_http::body::require_json(&parts.headers)?;
    let _ignored = onhand_http::body::read(body, limits::BODY_BYTES).await?;
    let id = location_id(&id)?;
    let ask = match context.begin(&parts, claims, b"").await? {
        Begun::Fresh(ask) => *ask,
        Begun::Before(answer) => return Ok(whole::respond(answer, "")),
    };
    let before = read_one(&context, &id).await?;
    unused(&context, &id).await?;
    let ask_for = |command: Command| Ask { command, key: uuid::Uuid::new_v4().to_string(), ..ask.clone() };
    let patience = context.patience(&parts.headers)?;
    let gone = context.batches.ask(ask_for(Command::DeleteLocation(id.clone())), patience).await?;
    let settled = match context.store.pass_batches().await {
        Ok(()) => unused(&context, &id).await,
        Err(error) => Err(error.into()),
    };
    if let Err(used) = settled {
        let Location { name, region, priority, lat, lon, enabled, pickup, .. } = before;
        let back = PutLocation { name, region, priority, lat, lon, enabled, pickup };
        context.batches.ask(ask_for(Command::PutLocation(id, back)), patience).await?;
        return Err(used);
    }
    tracing::info!(actor = ask.actor, location = %id, correlation_id = ask.correlation, "a location was deleted");
    context.end(ask, json!({"location": id, "deleted": true}), Some(gone.committed_at)).await
}

async fn read_one(context: &Context, id: &LocationId) -> Result<Location, Fail> {
    let found =
        context.store.load_topology().await?.locations.into_iter().find(|row| row.location == *id && !row.deleted);
    found.ok_or_else(|| Problem::from(Rejection::UnknownLocation(id.clone())).into())
}

/// 409 where anything lies there, or is held there.
async fn unused(context: &Context, id: &LocationId) -> Result<(), Fail> {
    let found = context.store.location_use(id).await?;
    if found.rows == 0 {
        return Ok(());
    }
    let channels = context.store.load_topology().await?.channels.into_iter();
    let named = channels.filter(|channel| !channel.deleted && channel.locations.contains(id));
    let channels = named.map(|channel| channel.channel).collect();
    Err(Problem::from(Rejection::PlaceInUse { location: id.clone(), channels, found }).into())
}
