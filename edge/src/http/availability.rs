//! `GET /v1/availability/{sku}`, and what every lookup shares.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use onhand_http::auth::Scope;
use onhand_wire::{Code, Problem, Sees, Sku, Stock, Timestamp, session, session::Session};
use percent_encoding::percent_decode_str;

use super::{Asked, Failure, Reply, ask::Query};
use crate::{
    cache::{LoadError, Loaded, Need},
    entry::{Entry, RenderedBody},
    freshness::{AsOf, Mode},
    node::Node,
    tier::Tier,
    view,
};

/// Made once, because a name from text is parsed each time.
static MAX_STALENESS: HeaderName = HeaderName::from_static("onhand-max-staleness");
static SESSION: HeaderName = HeaderName::from_static(session::HEADER);
static AS_OF: HeaderName = HeaderName::from_static("onhand-as-of");
static SOURCE: HeaderName = HeaderName::from_static("onhand-source");

/// What a lookup knows before it reads an entry.
pub(super) struct Moment {
    pub(super) as_of: Arc<AsOf>,
    pub(super) mode: Mode,
    pub(super) need: Need,
}

impl Moment {
    /// Reads `as_of` before anything else, and judges whether the cache is fresh enough.
    pub(super) async fn begin(node: &Node, headers: &HeaderMap, now: Instant) -> Result<Self, Failure> {
        let as_of = node.freshness.as_of().filter(|_| node.is_ready()).ok_or_else(Failure::unavailable)?;
        let bound = max_staleness(headers)?;
        let session = session(headers)?;
        let staleness = node.freshness.staleness_of(as_of.t, now);
        let mode = node.freshness.mode_at(Some(staleness), node.origin.reachable());
        let need = Need { origin: bound.is_some_and(|bound| staleness > bound), session, as_of: as_of.t };
        if need.origin || need.topology_at().is_some_and(|at| node.topology.loaded_at() < at) {
            Box::pin(node.refresh_topology()).await.map_err(LoadError::from)?;
        } else if mode == Mode::Unavailable {
            return Err(Failure::unavailable());
        }
        Ok(Self { as_of, mode, need })
    }

    /// The as-of that the answer may claim: the node's, or a later one if both the load and the topology used for it
    /// allow that.
    pub(super) fn earned(&self, node: &Node, loaded: Option<Timestamp>) -> Timestamp {
        let Some(at) = loaded else { return self.as_of.t };
        self.as_of.t.max(at.min(node.topology.loaded_at()))
    }

    pub(super) fn show(&self, reply: &mut Reply, as_of: Timestamp, tier: Tier) {
        let headers = reply.headers_mut();
        let shown = if as_of == self.as_of.t { self.as_of.header.clone() } else { AsOf::new(as_of).header };
        headers.insert(&AS_OF, shown);
        headers.insert(&SOURCE, HeaderValue::from_static(tier.as_str()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if self.mode == Mode::Stale && tier != Tier::Origin {
            mark_stale(reply);
        }
    }
}

pub(super) fn mark_stale(reply: &mut Reply) {
    reply.headers_mut().insert("onhand-stale", HeaderValue::from_static("true"));
}

fn max_staleness(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(&MAX_STALENESS) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let ms = text.and_then(|text| text.parse().ok()).map(Duration::from_millis);
    ms.map(Some).ok_or_else(|| Problem::field("Onhand-Max-Staleness", "whole milliseconds"))
}

pub(super) fn session(headers: &HeaderMap) -> Result<Option<Session>, Problem> {
    headers.get(&SESSION).map(|token| Session::decode(token.to_str().unwrap_or_default())).transpose()
}

/// The SKU of a raw path segment. Names in L1 were checked when they came.
fn spelt(segment: &str) -> Result<Cow<'_, str>, Problem> {
    percent_decode_str(segment).decode_utf8().map_err(|_| Problem::field("sku", "percent-encoded UTF-8"))
}

fn checked(name: &str) -> Result<Sku, Problem> {
    Sku::new(name).map_err(|error| Problem::field("sku", error))
}

pub(super) async fn get(node: &Node, asked: &Asked<'_>, segment: &str) -> Result<Reply, Failure> {
    let began = Instant::now();
    let headers = asked.request.headers();
    node.auth.may_read(headers)?;
    let name = spelt(segment)?;
    let query = Query::read(asked.request.uri().query())?;
    if query.reservation.is_some() {
        node.auth.needs(headers, Scope::Storefront)?;
    }
    let moment = Moment::begin(node, headers, began).await?;
    let snapshot = node.topology.snapshot();
    let ask = query.resolve(&snapshot)?;
    let loaded = match query.reservation {
        Some(reservation) => {
            let _share = node.reservation_lookups.take(super::asking(node, headers, asked.peer).caller())?;
            Box::pin(without(node, checked(&name)?, reservation, node.auth.sees(headers))).await?
        }
        None => match node.cache.hit(&name, &moment.need) {
            Ok(hit) => hit,
            Err(fresh) => {
                let caller = super::asking(node, headers, asked.peer).caller();
                let loaded = Box::pin(node.cache.load(checked(&name)?, fresh, Some(caller))).await;
                loaded.or_else(|error| node.cache.superseded(&name, &moment.need, error))?
            }
        },
    };
    let unknown = || unknown_sku("sku", &name);
    let body = view::rendered(&loaded.entry, ask, &snapshot, &node.rules).ok_or_else(unknown)?;
    let mut reply = shown(headers, body);
    let as_of = moment.earned(node, loaded.at);
    moment.show(&mut reply, as_of, loaded.tier);
    if query.reservation.is_none() {
        node.sampler.offer(&name, &loaded, as_of);
    }
    if loaded.superseded {
        mark_stale(&mut reply);
    }
    node.metrics.looked_up(loaded.tier, 1);
    node.metrics.lookup_took(began.elapsed());
    Ok(reply)
}

/// A name that nobody may give is no name of something that is missing.
pub(super) fn unknown_sku(field: &str, name: &str) -> Problem {
    if let Err(right) = Sku::new(name).and_then(|sku| sku.check_spelling()) {
        return Problem::field(field, right);
    }
    Problem::new(Code::UnknownSku, format!("sku: there is no {name}")).with("sku", name)
}

/// Facts without the reservation's own hold. They have no version of their own, so nothing keeps them.
async fn without(node: &Node, sku: Sku, reservation: uuid::Uuid, sees: Option<Sees>) -> Result<Loaded, Failure> {
    let loaded = node.origin.facts_without(sku, reservation, sees).await.map_err(LoadError::from)?;
    let stock = loaded.stocks.into_iter().next().unwrap_or_else(Stock::default);
    Ok(Loaded { entry: Arc::new(Entry::alone(stock)), tier: Tier::Origin, at: Some(loaded.at), superseded: false })
}

/// The body, or no body if the caller has it already.
fn shown(headers: &HeaderMap, body: RenderedBody) -> Reply {
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|held| matches(held, &body.etag));
    let mut reply = if same {
        let mut reply = Response::new(Bytes::new().into());
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        reply
    } else {
        super::json(StatusCode::OK, body.body)
    };
    reply.headers_mut().insert(header::ETAG, body.etag);
    reply
}

/// RFC 9110, 13.1.2: weak comparison, a list or `*`.
fn matches(held: &HeaderValue, etag: &HeaderValue) -> bool {
    let Ok(held) = held.to_str() else { return false };
    held.split(',')
        .map(str::trim)
        .any(|held| held == "*" || held.trim_start_matches("W/").as_bytes() == etag.as_bytes())
}
