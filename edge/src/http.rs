//! One request, from the wire to the answer. The path of each listener reads from top to bottom.

mod route;
mod availability;
mod ask;
mod query;
mod quotes;
mod stream;
mod reservations;
mod orders;
mod health;
mod actuator;
mod explain;
mod warm;
mod note;
mod management;
mod answer;
mod error;

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use onhand_http::{
    auth::{
        Access::{self, Anyone, Reader},
        Routed, Scope,
    },
    body::{self, Pace, Paced},
    correlation::Correlation,
    host, problem,
    rate::Charge,
    vitals::NO_ROUTE,
};
use onhand_wire::{Problem, limits};

use crate::{admission::Asking, metrics::LOOKUP, node::Node};
pub(crate) use answer::Answer;
use error::Failure;
use route::{
    Calls::{Get, GetPost, Post, Put},
    Row, Table,
};

pub(crate) type Reply = Response<Answer>;
/// A request's body; the rest that a handler leaves unread is read and dropped.
pub(crate) type Content = onhand_http::unread::Content<hyper::body::Incoming>;

/// The headers of a lookup's answer: type, tag, as-of, source, cache control, correlation, and one to spare.
const HEADERS: usize = 7;

/// A request as handlers see it.
struct Asked<'a> {
    request: Request<Content>,
    /// The peer of its connection.
    peer: IpAddr,
    correlation: &'a Correlation,
}

/// The sender of a request, by its headers.
fn asking<'a>(node: &'a Node, headers: &'a HeaderMap, peer: IpAddr) -> Asking<'a> {
    Asking { auth: &node.auth, headers, peer, proxies: node.trusted_proxies }
}

#[derive(Debug, Clone, Copy)]
enum Route {
    Availability,
    /// For a GET: the SKU of that name.
    Query,
    Quotes,
    Stream,
    Reservations,
    Reservation,
    Verb(&'static str),
    Orders,
    Order,
    OrderStream,
    Health,
    Openapi,
    Console,
}

const STOREFRONT: Access = Access::Token(Scope::Storefront);
const FULFILMENT: Access = Access::Token(Scope::Fulfilment);
const OPERATOR: Access = Access::Token(Scope::Operator);

/// The public listener's.
const ROUTES: [Row<Route>; 19] = [
    (LOOKUP, Get(Reader), Route::Availability),
    ("/v1/availability/query", GetPost(Reader, Reader), Route::Query),
    ("/v1/quotes", Post(Reader), Route::Quotes),
    ("/v1/stream", Get(Reader), Route::Stream),
    // By more than its order_ref the origin asks for operator.
    ("/v1/reservations", GetPost(STOREFRONT, STOREFRONT), Route::Reservations),
    ("/v1/reservations/{id}", Get(STOREFRONT), Route::Reservation),
    ("/v1/reservations/{id}/extend", Post(STOREFRONT), Route::Verb("extend")),
    ("/v1/reservations/{id}/confirm", Post(STOREFRONT), Route::Verb("confirm")),
    ("/v1/reservations/{id}/cancel", Post(STOREFRONT), Route::Verb("cancel")),
    ("/v1/reservations/{id}/fulfil", Post(FULFILMENT), Route::Verb("fulfil")),
    ("/v1/reservations/{id}/return", Post(FULFILMENT), Route::Verb("return")),
    ("/v1/orders", Post(STOREFRONT), Route::Orders),
    ("/v1/orders/{id}", Get(STOREFRONT), Route::Order),
    ("/v1/orders/{id}/stream", Get(STOREFRONT), Route::OrderStream),
    ("/v1/reservations/{id}/reallocate", Post(OPERATOR), Route::Verb("reallocate")),
    ("/v1/reservations/{id}/lines", Put(STOREFRONT), Route::Verb("lines")),
    ("/health", Get(Anyone), Route::Health),
    ("/openapi.json", Get(Anyone), Route::Openapi),
    ("/", Get(Anyone), Route::Console),
];

fn routes() -> &'static Table<Route> {
    static ROUTER: OnceLock<Table<Route>> = OnceLock::new();
    ROUTER.get_or_init(|| route::router(&ROUTES))
}

/// The calls of the public listener and those of the management listener, and who may make each.
pub fn routed() -> [Vec<Routed>; 2] {
    [route::routed(&ROUTES), route::routed(&management::ROUTES)]
}

/// The route that a call turned out to have, for the metrics.
type Seen = OnceLock<&'static str>;

/// The public listener.
pub(crate) async fn public(node: Arc<Node>, peer: IpAddr, request: Request<Content>) -> Reply {
    let (method, seen) = (request.method().clone(), Seen::new());
    let reply = judged(&node, peer, request, &seen).await;
    count(&node, &seen, &method, &reply);
    reply
}

fn count(node: &Node, seen: &Seen, method: &Method, reply: &Reply) {
    node.metrics.answered(seen.get().copied().unwrap_or(NO_ROUTE), method, reply.status().as_u16());
}

async fn judged(node: &Arc<Node>, peer: IpAddr, request: Request<Content>, seen: &Seen) -> Reply {
    let correlation = Correlation::of(request.headers());
    let logged = tracing::enabled!(tracing::Level::DEBUG).then(|| (request.method().clone(), Instant::now()));
    if let Err(problem) = host::of(&request) {
        let mut reply = Failure::from(problem).reply(&correlation, node);
        correlation.write_into(reply.headers_mut());
        return reply;
    }
    let cors = node.cors.judge(request.headers());
    if let Some(mut preflight) = cors.preflight::<_, Answer>(&request) {
        correlation.write_into(preflight.headers_mut());
        return preflight;
    }
    let charge = {
        let asking = asking(node, request.headers(), peer);
        node.rates.charge(&asking, request.method(), request.uri().path()).await
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let asked = Asked { request, peer, correlation: &correlation };
    let answered = match charge.as_ref().and_then(Charge::refusal) {
        Some((problem, seconds)) => Err(Failure::Later(problem, seconds)),
        None if reads => read(node, &asked, seen).await,
        // Boxed: a request's future is moved once, and a lookup's should be small.
        None => Box::pin(write(node, asked, seen)).await,
    };
    let mut reply = answered.unwrap_or_else(|failure| failure.reply_to(peer, &correlation, node));
    if let Some(charge) = charge {
        charge.show(reply.headers_mut());
    }
    if let Some((method, started)) = logged {
        let (status, took_ms) = (reply.status().as_u16(), started.elapsed().as_secs_f64() * 1000.0);
        let (correlation_id, traceparent) = (correlation.as_str(), correlation.trace());
        tracing::debug!(%method, status, took_ms, correlation_id, traceparent, "call");
    }
    correlation.write_into(reply.headers_mut());
    cors.write(reply.headers_mut());
    reply
}

async fn read(node: &Arc<Node>, asked: &Asked<'_>, seen: &Seen) -> Result<Reply, Failure> {
    let found = route::find(routes(), asked.request.uri().path())?;
    let _first = seen.set(found.route);
    route::admit(found.allows(asked.request.method())?, &node.auth, asked.request.headers())?;
    match found.what {
        Route::Availability => availability::get(node, asked, found.param("sku")).await,
        Route::Query => availability::get(node, asked, "query").await,
        Route::Reservation => Box::pin(reservations::read(node, asked, found.param("id"))).await,
        Route::Reservations => Box::pin(reservations::list(node, asked)).await,
        Route::Order => Box::pin(orders::read(node, asked, found.param("id"))).await,
        Route::OrderStream => Box::pin(orders::stream(node, asked, found.param("id"))).await,
        Route::Stream => Box::pin(stream::get(node, asked)).await,
        Route::Health => Ok(health::report(node)),
        Route::Openapi => {
            let document = node.openapi.get().cloned().ok_or_else(not_found)?;
            Ok(json(StatusCode::OK, document))
        }
        Route::Console => {
            let address = node.console.get().cloned().ok_or_else(not_found)?;
            let mut leads = reply(StatusCode::SEE_OTHER, "text/plain", "The console is elsewhere.");
            leads.headers_mut().insert(header::LOCATION, address);
            Ok(leads)
        }
        Route::Quotes | Route::Verb(_) | Route::Orders => Err(not_found()),
    }
}

async fn write(node: &Node, asked: Asked<'_>, seen: &Seen) -> Result<Reply, Failure> {
    let path = asked.request.uri().path().to_owned();
    let found = route::find(routes(), &path)?;
    let _first = seen.set(found.route);
    let access = found.allows(asked.request.method())?;
    node.queue.turn().await?;
    route::admit(access, &node.auth, asked.request.headers())?;
    match found.what {
        Route::Query => query::post(node, asked).await,
        Route::Quotes => quotes::post(node, asked).await,
        Route::Reservations => reservations::create(node, asked).await,
        Route::Orders => orders::place(node, asked).await,
        Route::Verb(verb) => reservations::change(node, asked, found.param("id"), verb).await,
        Route::Availability
        | Route::Stream
        | Route::Reservation
        | Route::Order
        | Route::OrderStream
        | Route::Health
        | Route::Openapi
        | Route::Console => Err(not_found()),
    }
}

/// The management listener. It answers only to names that it knows; otherwise a web page could reach it through a
/// browser.
pub(crate) async fn management(node: Arc<Node>, peer: IpAddr, request: Request<Content>) -> Reply {
    let correlation = Correlation::of(request.headers());
    let (method, seen) = (request.method().clone(), Seen::new());
    let answered = match node.management_hosts.admit(&request) {
        Ok(()) => management::route(&node, request, &seen).await,
        Err(problem) => Err(problem.into()),
    };
    let mut reply = answered.unwrap_or_else(|failure| failure.reply_to(peer, &correlation, &node));
    count(&node, &seen, &method, &reply);
    correlation.write_into(reply.headers_mut());
    reply
}

/// A whole body, within the limit and the time.
async fn whole(node: &Node, content: Content) -> Result<Bytes, Problem> {
    body::read(Paced::new(content, Pace::Whole(node.body_timeout)), limits::BODY_BYTES).await
}

fn not_found() -> Failure {
    problem::not_found().into()
}

fn reply(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Answer::from(body));
    *reply.status_mut() = status;
    reply.headers_mut().reserve(HEADERS);
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    reply(status, "application/json", body)
}
