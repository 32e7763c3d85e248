//! Orders: judged here as a reservation is, written to their lane, and asked after at the origin.
//!
//! A 202 needs no origin: the SKUs that are cached, the topology and the lane's log are enough.

mod stream;

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use onhand_http::{
    auth::{Claims, Scope},
    body, call,
    query::{Params, no_parameters},
};
use onhand_orders::{
    Accepted, Acceptor, Refused, Request,
    accept::{key_reused, not_configured},
};
use onhand_wire::{
    Problem, Sku,
    order::ShownOrder,
    quote::Total,
    request::{self, AskQuote, PlaceOrder, QuoteLine},
};

pub(super) use self::stream::stream;
use super::{
    Asked, Failure, Reply, ask,
    availability::{mark_stale, unknown_sku},
    reservations,
};
use crate::{
    cache::Need,
    first_bodies::Claim,
    node::Node,
    origin::{Call, OriginError},
    quote::{self, Scene},
};

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Later(problem, seconds) => Self::Later(problem, seconds),
            Refused::Problem(problem) => Self::Problem(problem),
        }
    }
}

fn acceptor(node: &Node) -> Result<&Acceptor, Problem> {
    node.orders.as_deref().ok_or_else(not_configured)
}

pub(super) async fn place(node: &Node, asked: Asked<'_>) -> Result<Reply, Failure> {
    let began = Instant::now();
    node.metrics.order_received();
    let placed = accept(node, asked).await;
    match &placed {
        Ok(accepted) if accepted.replayed => node.metrics.order_repeated(),
        Ok(_) => node.metrics.order_accepted(),
        Err(Failure::Problem(problem) | Failure::Later(problem, _)) => node.metrics.order_refused(problem),
        Err(_) => node.metrics.order_failed(),
    }
    node.metrics.order_took(began.elapsed());
    Ok(respond(&placed?))
}

async fn accept(node: &Node, asked: Asked<'_>) -> Result<Accepted, Failure> {
    let (peer, correlation) = (asked.peer, asked.correlation);
    let (head, content) = asked.request.into_parts();
    let claims = node.auth.claims(&head.headers, Scope::Storefront)?;
    no_parameters(head.uri.query())?;
    body::require_json(&head.headers)?;
    let content = super::whole(node, content).await?;
    let key = call::key(&head.headers)?.and_then(|key| key.to_str().ok()).ok_or_else(call::key_required)?;
    let order: PlaceOrder = request::read(&content)?;
    let acceptor = acceptor(node)?;
    let amount = judge(node, &order, || super::asking(node, &head.headers, peer).caller()).await?;
    let Claims { sub, owner, .. } = claims;
    let (subject, sku) = (sub.clone(), order.first_sku().to_owned());
    let told = |event: &'static str| {
        tracing::info!(
            target: "onhand::orders",
            event,
            service = "onhand-edge",
            correlation_id = correlation.as_str(),
            user_id = subject,
            item_id = sku,
            "an order"
        );
    };
    told("order_received");
    let request = Request {
        subject: sub,
        owner,
        key: key.to_owned(),
        digest: onhand_orders::digest(&content),
        order,
        amount,
        correlation: correlation.as_str().to_owned(),
        now: onhand_orders::now(),
    };
    let accepted = first(node, acceptor, request).await?;
    told("order_queued");
    Ok(accepted)
}

/// Accepts it, unless its key already stands for another body.
async fn first(node: &Node, acceptor: &Acceptor, request: Request) -> Result<Accepted, Refused> {
    let Some(bodies) = &node.first_bodies else { return acceptor.accept(request).await };
    let (id, digest) = (acceptor.id(&request), request.digest.clone());
    let claim = bodies.claim(id, &digest).await;
    if claim == Claim::Other {
        return Err(key_reused().into());
    }
    let accepted = acceptor.accept(request).await;
    if claim == Claim::New && accepted.as_ref().is_err_and(Refused::is_certain) {
        bodies.release(id, &digest).await;
    }
    accepted
}

/// 404 for what the order names and is not there; else what it costs now, if it has a price.
async fn judge(
    node: &Node,
    order: &PlaceOrder,
    caller: impl FnOnce() -> crate::admission::Caller,
) -> Result<Option<Total>, Failure> {
    let snapshot = node.topology.snapshot();
    let channel = order.channel.as_ref().map(|id| ask::known_channel(&snapshot, id)).transpose()?;
    let skus: Vec<Sku> = order.lines.iter().map(|line| line.sku.clone()).collect();
    let loaded = node.cache.all(&skus, &Need::default(), caller).await?;
    let mut stocks = Vec::with_capacity(skus.len());
    for (line, (sku, loaded)) in skus.iter().zip(&loaded).enumerate() {
        let stock = &loaded.entry.stock;
        let item = stock.item.as_ref().filter(|item| !item.deleted);
        let item = item.ok_or_else(|| unknown_sku(&format!("lines[{line}].sku"), sku.as_str()))?;
        stocks.push((item, stock));
    }
    let lines = order.lines.iter().map(|line| QuoteLine { sku: line.sku.clone(), quantity: line.quantity });
    let quoted = AskQuote {
        channel: order.channel.clone(),
        currency: None,
        customer: None,
        destination: order.destination.clone(),
        lines: lines.collect(),
    };
    let scene = Scene { channel, snapshot: &snapshot, rules: &node.rules, at: onhand_orders::now() };
    Ok(quote::price_of(&quoted, &stocks, &scene)?)
}

fn respond(accepted: &Accepted) -> Reply {
    let body = serde_json::to_vec(&accepted.shown()).expect("plain data encodes");
    let mut reply = super::json(StatusCode::ACCEPTED, body);
    if let Ok(location) = HeaderValue::try_from(accepted.location()) {
        reply.headers_mut().insert(header::LOCATION, location);
    }
    if accepted.replayed {
        reply.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    reply
}

/// What a path and its query name.
struct Named {
    id: uuid::Uuid,
    /// As the `Location` had it.
    place: Option<String>,
}

fn named(node: &Node, asked: &Asked<'_>, id: &str) -> Result<Named, Failure> {
    let sees = node.auth.claims(asked.request.headers(), Scope::Storefront)?.sees;
    let mut params = Params::of(asked.request.uri().query())?;
    let place = params.take("place")?;
    params.end()?;
    Ok(Named { id: acceptor(node)?.read_id(id, &sees)?, place })
}

pub(super) async fn read(node: &Node, asked: &Asked<'_>, id: &str) -> Result<Reply, Failure> {
    let named = named(node, asked, id)?;
    let call = ask_origin(node, asked, &named)?;
    match node.origin.forward(call).await {
        Ok(answer) => Ok(reservations::passed(answer)),
        // It was issued, and what became of it only the origin knows: said as what it is.
        Err(OriginError::Unreachable | OriginError::TimedOut) => Ok(on_its_way(node, &named)?),
        Err(error) => Err(error.into()),
    }
}

fn ask_origin(node: &Node, asked: &Asked<'_>, named: &Named) -> Result<Call, Problem> {
    let headers = asked.request.headers();
    let deadline = reservations::deadline(node, headers, Instant::now())?;
    let place = named.place.as_deref().and_then(|text| acceptor(node).ok()?.ids.place(named.id, text).map(|_| text));
    let query = place.map_or_else(String::new, |place| format!("?place={place}"));
    Ok(Call {
        method: Method::GET,
        path: format!("/v1/orders/{}{query}", named.id),
        headers: reservations::forwarded(headers, asked.correlation),
        body: Bytes::new(),
        deadline,
    })
}

fn on_its_way(node: &Node, named: &Named) -> Result<Reply, Problem> {
    let shown: ShownOrder = acceptor(node)?.on_its_way(named.id, named.place.as_deref());
    let body = serde_json::to_vec(&shown).expect("plain data encodes");
    let mut reply = super::json(StatusCode::OK, body);
    mark_stale(&mut reply);
    Ok(reply)
}
