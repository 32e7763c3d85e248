//! One request, from the wire to the answer. Each listener's path reads from top to bottom.

pub(crate) mod availability;
mod ask;
mod query;
mod quotes;
mod stream;
mod reservations;
mod health;
mod actuator;
pub(crate) mod explain;
mod warm;
mod management;
mod body;
mod answer;
mod correlation;
pub(crate) mod cors;
mod error;

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use matchit::Router;
use onhand_wire::{Code, Problem, host};

use crate::{
    admission::{Asking, Charge},
    node::Node,
};
pub(crate) use answer::Answer;
use correlation::Correlation;
use error::Failure;

pub(crate) type Reply = Response<Answer>;

/// Of a lookup's answer: type, tag, as-of, source, cache control, correlation, and one to spare.
const HEADERS: usize = 7;

/// A request as handlers see it.
struct Asked<'a> {
    request: Request<Incoming>,
    /// The other end of its connection.
    peer: IpAddr,
    correlation: &'a Correlation,
}

/// Who asks, by these headers.
fn asking<'a>(node: &'a Node, headers: &'a HeaderMap, peer: IpAddr) -> Asking<'a> {
    Asking { auth: &node.auth, headers, peer, proxies: node.trusted_proxies }
}

/// The name under which the caller reached the listener, which HTTP/1.1 always tells.
fn host<B>(request: &Request<B>) -> Result<Option<&str>, Problem> {
    let lines = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes);
    host::given(lines, request.version() >= Version::HTTP_11)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Availability,
    /// A GET asks for the SKU of that name.
    Query,
    Quotes,
    Stream,
    Reservations,
    Reservation,
    Verb,
    Health,
}

impl Route {
    fn allowed(self) -> &'static str {
        match self {
            Self::Availability | Self::Stream | Self::Reservation | Self::Health => "GET, HEAD",
            Self::Query => "GET, HEAD, POST",
            Self::Quotes | Self::Reservations | Self::Verb => "POST",
        }
    }
}

/// Matched on the raw path: an encoded slash belongs to a SKU.
fn routes() -> &'static Router<Route> {
    static ROUTES: OnceLock<Router<Route>> = OnceLock::new();
    ROUTES.get_or_init(|| {
        let mut router = Router::new();
        for (path, route) in [
            ("/v1/availability/{sku}", Route::Availability),
            ("/v1/availability/query", Route::Query),
            ("/v1/quotes", Route::Quotes),
            ("/v1/stream", Route::Stream),
            ("/v1/reservations", Route::Reservations),
            ("/v1/reservations/{id}", Route::Reservation),
            ("/v1/reservations/{id}/{verb}", Route::Verb),
            ("/health", Route::Health),
        ] {
            router.insert(path, route).expect("the routes do not overlap");
        }
        router
    })
}

/// The public listener.
pub(crate) async fn public(node: Arc<Node>, peer: IpAddr, request: Request<Incoming>) -> Reply {
    let correlation = Correlation::of(&request);
    let logged = tracing::enabled!(tracing::Level::DEBUG).then(|| (request.method().clone(), Instant::now()));
    if let Err(problem) = host(&request) {
        let mut reply = Failure::from(problem).reply(&correlation, &node);
        correlation.show(&mut reply);
        return reply;
    }
    let cors = node.cors.judge(request.headers());
    if let Some(mut preflight) = cors.preflight(&request) {
        correlation.show(&mut preflight);
        return preflight;
    }
    let charge = {
        let asking = asking(&node, request.headers(), peer);
        node.rates.charge(&asking, request.method(), request.uri().path()).await
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let asked = Asked { request, peer, correlation: &correlation };
    let answered = match charge.as_ref().and_then(Charge::refusal) {
        Some((problem, seconds)) => Err(Failure::Later(problem, seconds)),
        None if reads => read(&node, &asked).await,
        // Boxed: a request's future is moved once, and a lookup's should be small.
        None => Box::pin(write(&node, asked)).await,
    };
    let mut reply = answered.unwrap_or_else(|failure| failure.reply(&correlation, &node));
    if let Some(charge) = charge {
        charge.show(reply.headers_mut());
    }
    if let Some((method, started)) = logged {
        let (status, took_ms) = (reply.status().as_u16(), started.elapsed().as_secs_f64() * 1000.0);
        let (correlation_id, traceparent) = (correlation.as_str(), correlation.trace());
        tracing::debug!(%method, status, took_ms, correlation_id, traceparent, "call");
    }
    correlation.show(&mut reply);
    cors.allow(&mut reply);
    reply
}

async fn read(node: &Arc<Node>, asked: &Asked<'_>) -> Result<Reply, Failure> {
    let matched = routes().at(asked.request.uri().path()).map_err(|_| not_found())?;
    let param = |name| matched.params.get(name).unwrap_or_default();
    match *matched.value {
        Route::Availability => availability::get(node, asked, param("sku")).await,
        Route::Query => availability::get(node, asked, "query").await,
        Route::Reservation => Box::pin(reservations::read(node, asked, param("id"))).await,
        Route::Stream => Box::pin(stream::get(node, asked)).await,
        Route::Health => Ok(health::report(node)),
        Route::Verb if !reservations::is_verb(param("verb")) => Err(not_found()),
        other @ (Route::Quotes | Route::Reservations | Route::Verb) => Err(Failure::MethodNotAllowed(other.allowed())),
    }
}

async fn write(node: &Node, asked: Asked<'_>) -> Result<Reply, Failure> {
    let path = asked.request.uri().path().to_owned();
    let matched = routes().at(&path).map_err(|_| not_found())?;
    let param = |name| matched.params.get(name).unwrap_or_default();
    let post = asked.request.method() == Method::POST;
    if post {
        node.queue.turn().await?;
    }
    match *matched.value {
        Route::Query if post => query::post(node, asked).await,
        Route::Quotes if post => quotes::post(node, asked).await,
        Route::Reservations if post => reservations::create(node, asked).await,
        Route::Verb if post => reservations::change(node, asked, param("id"), param("verb")).await,
        Route::Verb if !reservations::is_verb(param("verb")) => Err(not_found()),
        other => Err(Failure::MethodNotAllowed(other.allowed())),
    }
}

/// The management listener. Only under names that it knows: a web page would else reach it through a browser.
pub(crate) async fn management(node: Arc<Node>, _peer: IpAddr, request: Request<Incoming>) -> Reply {
    let correlation = Correlation::of(&request);
    let named = host(&request).map(|host| [host, request.uri().host()]);
    let known =
        named.and_then(|hosts| hosts.into_iter().flatten().try_for_each(|host| node.management_hosts.allow(host)));
    let answered = match known {
        Ok(()) => management::route(&node, request).await,
        Err(problem) => Err(problem.into()),
    };
    let mut reply = answered.unwrap_or_else(|failure| failure.reply(&correlation, &node));
    correlation.show(&mut reply);
    reply
}

fn not_found() -> Failure {
    Problem::new(Code::NotFound, "no such resource").into()
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
