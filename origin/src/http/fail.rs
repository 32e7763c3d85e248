//! Errors become HTTP here, and only here.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use onhand_wire::{Code, Problem};
use uuid::Uuid;

use super::Shared;
use crate::serve::Peer;

/// A problem on its way out.
#[derive(Debug, Clone)]
pub(super) struct Fail(pub(super) Problem);

impl From<Problem> for Fail {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<crate::store::StoreError> for Fail {
    fn from(error: crate::store::StoreError) -> Self {
        Self(Problem::from(error))
    }
}

/// Carries the problem to [`finish`].
impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(super) fn not_found() -> Fail {
    Fail(Problem::new(Code::NotFound, "no such page"))
}

/// The call's correlation id, taken or made.
#[derive(Debug, Clone)]
pub(super) struct Correlation(pub(super) String);

const CORRELATION: &str = "x-correlation-id";
const TRACEPARENT: &str = "traceparent";
const LONGEST_CORRELATION: usize = 128;

/// Gives every call its correlation id, writes its problem, and logs how it ended.
pub(super) async fn finish(State(context): Shared, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let (correlation, trace) = (correlation(&request), trace(&request));
    request.extensions_mut().insert(Correlation(correlation.clone()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let started = std::time::Instant::now();
    let mut response = next.run(request).await;
    if let Some(problem) = problem(&mut response) {
        context.count_refusal(&problem, peer, &correlation);
        write(&mut response, &problem, &correlation);
    }
    let took_ms = started.elapsed().as_secs_f64() * 1000.0;
    let (status, traceparent) = (response.status().as_u16(), trace.as_ref().and_then(|trace| trace.to_str().ok()));
    tracing::debug!(%method, path, status, took_ms, correlation_id = correlation, traceparent, "call");
    if let Some(trace) = trace {
        response.headers_mut().insert(TRACEPARENT, trace);
    }
    if let Ok(value) = HeaderValue::from_str(&correlation) {
        response.headers_mut().insert(CORRELATION, value);
    }
    response
}

fn correlation(request: &Request) -> String {
    let given = request.headers().get(CORRELATION).and_then(|value| value.to_str().ok());
    let usable =
        given.filter(|id| (1..=LONGEST_CORRELATION).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    usable.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// The caller's `traceparent`, if it is one.
fn trace(request: &Request) -> Option<HeaderValue> {
    let given = request.headers().get(TRACEPARENT)?;
    onhand_wire::trace::is_traceparent(given.as_bytes()).then(|| given.clone())
}

/// A handler's own problem, or what a refusal by the router comes to.
fn problem(response: &mut Response) -> Option<Problem> {
    if let Some(Fail(problem)) = response.extensions_mut().remove() {
        return Some(problem);
    }
    let json =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            Some(Problem::new(Code::MethodNotAllowed, "the Allow header lists the methods of this page"))
        }
        StatusCode::BAD_REQUEST if !json => Some(Problem::field("path", "not percent-encoded UTF-8")),
        _ => None,
    }
}

fn write(response: &mut Response, problem: &Problem, correlation: &str) {
    *response.body_mut() = Body::from(problem.to_json(correlation));
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = problem.code.retry_after_s() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
}
