//! Orders: accepted here exactly as at an edge, looked at, and, by operators, set right.

mod letters;
mod replays;
mod stream;

use std::{collections::HashSet, sync::Arc};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use onhand_http::{
    auth::Claims,
    body, call,
    query::{Params, no_parameters},
    rate::Charge,
};
use onhand_orders::{
    Accepted, Place, Refused,
    accept::{key_reused, not_configured},
};
use onhand_wire::{
    Code, Problem, Sku, Timestamp,
    bulk::{LoadFacts, MESSAGEPACK},
    limits,
    order::{Lane, OrderState, ShownOrder},
    page::Page,
    quote::Total,
    request::{Check, PlaceOrder, check_text, read as read_body},
};
use serde::Serialize;
use serde_json::json;

pub(super) use self::{
    letters::{Discard, discard, letters, summary},
    replays::{Replay, read_replay, replay, stop},
    stream::stream,
};
use super::{
    Context, Reply, Shared,
    fail::Fail,
    runbook::{not_ours, operator, page_among, paged},
    write::{self, json},
};
use crate::{
    lanes::Lanes,
    store::orders::{OrderQuery, OrderRow},
    trail::{Kind, Line},
};

impl Context {
    fn lanes(&self) -> Result<&Arc<Lanes>, Problem> {
        self.orders.as_ref().ok_or_else(not_configured)
    }
}

/// Counted against its caller's rate first: whatever becomes of it, its headers tell what is left.
pub(super) async fn place(State(context): Shared, request: Request) -> Reply {
    let (parts, body) = request.into_parts();
    let claims = write::claims(&parts)?;
    let charge = context.order_rate.as_ref().map(|rate| rate.take(claims.sub.as_bytes()));
    let placed = match charge.as_ref().and_then(Charge::refusal) {
        Some((problem, seconds)) => {
            context.metrics.order_rate_limited();
            Err(Refused::Later(problem, seconds))
        }
        None => accept(&context, &parts, claims, body).await,
    };
    let mut response = placed.unwrap_or_else(refused);
    if let Some(charge) = charge {
        charge.show(response.headers_mut());
    }
    Ok(response)
}

fn refused(refused: Refused) -> Response {
    match refused {
        Refused::Problem(problem) => Fail(problem).into_response(),
        Refused::Later(problem, seconds) => {
            let mut response = Fail(problem).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
    }
}

async fn accept(context: &Context, parts: &Parts, claims: Claims, body: Body) -> Result<Response, Refused> {
    no_parameters(parts.uri.query())?;
    body::require_json(&parts.headers)?;
    let body = body::read(body, limits::BODY_BYTES).await?;
    let key = call::key(&parts.headers)?.and_then(|key| key.to_str().ok()).ok_or_else(call::key_required)?;
    let order: PlaceOrder = read_body(&body)?;
    let lanes = context.lanes()?;
    let digest = onhand_orders::digest(&body);
    if let Some(known) = known(context, lanes, &claims, key, &digest).await? {
        return Ok(known);
    }
    let amount = judge(context, &order).await?;
    let asked = onhand_orders::Request {
        subject: claims.sub,
        owner: claims.owner,
        key: key.to_owned(),
        digest,
        order,
        amount,
        correlation: write::correlation(parts),
        now: onhand_orders::now(),
    };
    Ok(respond(&lanes.acceptor.accept(asked).await?))
}

/// An order that is in the database already: a repeat is answered from there, whichever node took it.
async fn known(
    context: &Context,
    lanes: &Lanes,
    claims: &Claims,
    key: &str,
    digest: &str,
) -> Result<Option<Response>, Problem> {
    let id = lanes.acceptor.ids.id(&claims.sub, claims.owner.as_deref(), key);
    let Some(row) = context.store.order(id).await? else { return Ok(None) };
    if row.digest != digest {
        return Err(key_reused());
    }
    let place = Place {
        lane: row.lane,
        topic: row.topic,
        partition: row.partition,
        offset: row.offset,
        accepted_at: row.accepted_at,
    };
    let (wait, place) = (lanes.acceptor.wait(&place), lanes.acceptor.ids.sign(id, &place));
    Ok(Some(respond(&Accepted { id, wait, place, replayed: true })))
}

/// 404 for what the order names and is not there; else what it costs by the catalogue, if it has a price.
async fn judge(context: &Context, order: &PlaceOrder) -> Result<Option<Total>, Problem> {
    let topology = context.store.load_topology().await?;
    if let Some(channel) = &order.channel
        && !topology.channels.iter().any(|known| known.channel == *channel)
    {
        let detail = format!("channel: {channel} does not exist");
        return Err(Problem::new(Code::UnknownChannel, detail).with("channel", channel.as_str()));
    }
    let skus: Vec<Sku> = order.lines.iter().map(|line| line.sku.clone()).collect::<HashSet<_>>().into_iter().collect();
    let named: Vec<&Sku> = skus.iter().collect();
    let missing = context.store.missing(&named).await?;
    if let Some(line) = order.lines.iter().find(|line| missing.contains(&line.sku)) {
        let detail = format!("sku: {} is not in the catalogue", line.sku);
        return Err(Problem::new(Code::UnknownSku, detail).with("sku", line.sku.as_str()));
    }
    let loaded = context.store.load_facts(&LoadFacts { skus: skus.clone(), without: None, sees: None }).await?;
    let price = |sku: &Sku| {
        let at = skus.iter().position(|known| known == sku)?;
        loaded.stocks.get(at)?.item.as_ref()?.price.clone()
    };
    let mut total: Option<Total> = None;
    for line in &order.lines {
        let Some(price) = price(&line.sku) else { return Ok(None) };
        let Some(amount) = price.amount.checked_mul(line.quantity.get()) else { return Ok(None) };
        let sum = total.get_or_insert(Total { amount: 0, currency: price.currency.clone() });
        if sum.currency != price.currency {
            return Ok(None);
        }
        sum.amount = sum.amount.saturating_add(amount);
    }
    Ok(total.filter(|total| total.amount <= limits::TOTAL))
}

fn respond(accepted: &Accepted) -> Response {
    let mut response = (StatusCode::ACCEPTED, json(&accepted.shown())).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&accepted.location()) {
        headers.insert(header::LOCATION, location);
    }
    if accepted.replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

pub(super) async fn read(State(context): Shared, Path(order): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let mut params = Params::of(parts.uri.query())?;
    let place = params.take("place")?;
    params.end()?;
    Ok(json(&shown(&context, &parts, &order, place.as_deref()).await?))
}

/// An order as its caller sees it: from the moment of its 202, also while it is not in the database yet.
async fn shown(context: &Context, parts: &Parts, order: &str, place: Option<&str>) -> Result<ShownOrder, Fail> {
    let (sees, lanes) = (write::claims(parts)?.sees, context.lanes()?);
    let id = lanes.acceptor.read_id(order, &sees)?;
    let place = place.and_then(|text| lanes.acceptor.ids.place(id, text));
    // How far the lane is taken in is looked at first: the other way round an order taken in between would seem lost.
    let passed = match &place {
        Some(place) => passed(context, place).await?,
        None => false,
    };
    if let Some(row) = context.store.order(id).await?.filter(|row| sees.includes(row.owner.as_deref())) {
        lanes.standing().await?;
        return Ok(of_row(lanes, row));
    }
    lanes.standing().await?;
    let wait = place.and_then(|place| lanes.acceptor.wait(&place));
    let queued = ShownOrder::queued(id, wait);
    if passed {
        return Ok(ShownOrder {
            state: OrderState::DeadLettered,
            ahead: None,
            eta_s: None,
            reason: Some("lost".to_owned()),
            ..queued
        });
    }
    Ok(queued)
}

/// Whether the lane is taken in beyond this place.
async fn passed(context: &Context, place: &Place) -> Result<bool, Fail> {
    let positions = context.store.lane_positions(place.lane, &place.topic).await?;
    Ok(positions.iter().any(|(partition, next)| *partition == place.partition && *next > place.offset))
}

fn of_row(lanes: &Lanes, row: OrderRow) -> ShownOrder {
    let place = Place {
        lane: row.lane,
        topic: row.topic,
        partition: row.partition,
        offset: row.offset,
        accepted_at: row.accepted_at,
    };
    let waits = row.state == OrderState::Queued && row.next_at.is_none();
    let wait = if waits { lanes.acceptor.wait(&place) } else { None };
    let reason = if row.state == OrderState::DeadLettered { row.cause } else { row.reason };
    ShownOrder {
        id: row.id,
        state: row.state,
        ahead: wait.map(|wait| wait.ahead),
        eta_s: wait.map(|wait| wait.eta_s),
        reservation_id: row.reservation_id,
        reason,
    }
}

/// For operators: whole rows, newest intake first.
pub(super) async fn list(State(context): Shared, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    context.lanes()?;
    let (query, limit) = query(parts.uri.query(), None)?;
    page(&context, &query, limit).await
}

async fn page(context: &Context, query: &OrderQuery, limit: usize) -> Reply {
    let found = context.store.orders(query).await?;
    let Page { items, next_cursor } = paged(found, limit, |row| row.seq.to_string());
    Ok(json(&Page { items, next_cursor }))
}

/// `state`: where the call itself says which.
fn query(query: Option<&str>, state: Option<OrderState>) -> Result<(OrderQuery, usize), Problem> {
    let mut params = Params::of(query)?;
    let (limit, cursor) = page_among(&mut params)?;
    let mut moment = |name| {
        let parsed = |text: String| {
            Timestamp::parse(&text).ok_or_else(|| Problem::field(name, "a time such as 2026-01-31T09:30:00.000Z"))
        };
        params.take(name)?.map(parsed).transpose()
    };
    let (from, to) = (moment("from")?, moment("to")?);
    let mut text = |name: &str| {
        let given = params.take(name)?;
        match &given {
            Some(text) if text.len() > limits::TEXT_BYTES || text.contains('\0') => {
                Err(Problem::field(name, format!("text of at most {} bytes", limits::TEXT_BYTES)))
            }
            _ => Ok(given),
        }
    };
    let (sku, cause_given) = (text("sku")?, if state.is_some() { text("cause")? } else { None });
    let (order_ref, word) = if state.is_some() { (None, None) } else { (text("order_ref")?, text("state")?) };
    let words = || OrderState::ALL.map(OrderState::as_str).join(", ");
    let named =
        word.map(|word| OrderState::parse(&word).ok_or_else(|| Problem::field("state", format!("one of {}", words()))));
    let before = cursor.map(|text| text.parse().map_err(|_| not_ours())).transpose()?;
    params.end()?;
    let state = state.or(named.transpose()?);
    let query = OrderQuery { order_ref, state, sku, cause: cause_given, ids: None, from, to, before, limit: limit + 1 };
    Ok((query, limit))
}

/// For edges.
pub(super) async fn standing(State(context): Shared) -> Reply {
    let standing = context.lanes()?.standing().await?;
    let bytes = rmp_serde::to_vec_named(&standing).expect("plain data encodes");
    Ok(([(header::CONTENT_TYPE, MESSAGEPACK)], bytes).into_response())
}

/// A lane as operators see it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ShownLane {
    lane: Lane,
    paused: bool,
    /// Orders taken in and not decided.
    undecided: i64,
    /// When the oldest of them was accepted.
    oldest: Option<Timestamp>,
    /// Orders decided a second, while there was something to decide; 0: not known yet.
    rate: f64,
    eta_s: u64,
    partitions: Vec<ShownPartition>,
}

#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct ShownPartition {
    partition: i32,
    /// The first offset that is not taken in yet.
    next: i64,
    undecided: i64,
}

pub(super) async fn lanes(State(context): Shared, request: Request) -> Reply {
    no_parameters(request.uri().query())?;
    let rows = context.lanes()?.rows().await?;
    let lanes = rows.iter().map(|row| {
        let rate = if row.rate > 0.0 { row.rate } else { onhand_wire::order::ASSUMED_RATE };
        let partition = |of: &crate::store::orders::LanePartition| ShownPartition {
            partition: of.partition,
            next: of.next,
            undecided: of.undecided,
        };
        ShownLane {
            lane: row.lane,
            paused: row.paused,
            undecided: row.undecided,
            oldest: row.oldest,
            rate: row.rate,
            eta_s: (row.undecided as f64 / rate).ceil() as u64,
            partitions: row.partitions.iter().map(partition).collect(),
        }
    });
    Ok(json(&json!({"lanes": lanes.collect::<Vec<_>>()})))
}

pub(super) async fn pause(State(context): Shared, Path(lane): Path<String>, request: Request) -> Reply {
    switch(&context, &lane, true, request).await
}

pub(super) async fn resume(State(context): Shared, Path(lane): Path<String>, request: Request) -> Reply {
    switch(&context, &lane, false, request).await
}

async fn switch(context: &Context, lane: &str, paused: bool, request: Request) -> Reply {
    let (parts, claims, body) = operator(context, request).await?;
    no_parameters(parts.uri.query())?;
    let SwitchLane { reason } = read_body(&body)?;
    let lanes = context.lanes()?;
    let lane = Lane::parse(lane).ok_or_else(|| Problem::new(Code::NotFound, "there are the lanes high and low"))?;
    let kind = if paused { Kind::LanePaused } else { Kind::LaneResumed };
    let detail = reason.map_or_else(|| json!({}), |reason| json!({"reason": reason}));
    let line = line(&parts, claims, kind, lane.as_str(), detail);
    context.store.pause_lane(lane, paused, &line).await?;
    lanes.changed().await;
    Ok(json(&json!({"lane": lane, "paused": paused})))
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchLane {
    /// For the trail.
    reason: Option<String>,
}

impl Check for SwitchLane {
    fn check(&self) -> Result<(), Problem> {
        self.reason.as_ref().map_or(Ok(()), |reason| check_text("reason", reason))
    }
}

fn line(parts: &Parts, claims: Claims, kind: Kind, what: &str, detail: serde_json::Value) -> Line {
    Line { actor: claims.sub, kind, what: what.to_owned(), detail, correlation: write::correlation(parts) }
}

/// The `Last-Event-ID` and the like are of no use here: a stream begins with the present state.
fn events(headers: &mut HeaderMap) {
    for (name, value) in [("content-type", "text/event-stream"), ("connection", "close"), ("x-accel-buffering", "no")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
