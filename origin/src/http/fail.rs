//! Errors become HTTP here, and only here.

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use onhand_http::{correlation::Correlation, problem, rate, vitals::NO_ROUTE};
use onhand_wire::Problem;

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
        let mut response = problem::status(self.0.status()).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(super) fn not_found() -> Fail {
    Fail(problem::not_found())
}

/// Gives every call its correlation id, writes its problem, and logs how it ended.
pub(super) async fn finish(State(context): Shared, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let correlation = Correlation::of(request.headers());
    request.extensions_mut().insert(correlation.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let started = std::time::Instant::now();
    let mut response = next.run(request).await;
    if let Some(problem) = found(&mut response) {
        context.count_refusal(&problem, peer, correlation.as_str());
        let own = own(response.headers());
        response = problem::answer(&problem, &correlation).map(Body::from);
        response.headers_mut().extend(own);
    }
    let took = started.elapsed();
    let took_ms = took.as_secs_f64() * 1000.0;
    let (status, correlation_id, traceparent) = (response.status().as_u16(), correlation.as_str(), correlation.trace());
    tracing::debug!(%method, path, status, took_ms, correlation_id, traceparent, "call");
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    context.metrics.answered(route, &method, status, took);
    correlation.write_into(response.headers_mut());
    response
}

/// What a refusal says beside its problem.
const OWN: [HeaderName; 4] = [header::ALLOW, header::RETRY_AFTER, rate::RATELIMIT, rate::POLICY];

fn own(headers: &HeaderMap) -> HeaderMap {
    OWN.into_iter().filter_map(|name| Some((name.clone(), headers.get(&name)?.clone()))).collect()
}

/// A handler's own problem, or the problem for a refusal by the router.
fn found(response: &mut Response) -> Option<Problem> {
    if let Some(Fail(problem)) = response.extensions_mut().remove() {
        return Some(problem);
    }
    let json =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/"));
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = response.headers().get(header::ALLOW).and_then(|allowed| allowed.to_str().ok());
            Some(problem::method_not_allowed(&allowed.unwrap_or_default().replace(',', ", ")))
        }
        StatusCode::BAD_REQUEST if !json => Some(Problem::field("path", "not percent-encoded UTF-8")),
        _ => None,
    }
}
