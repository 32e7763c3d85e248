//! CORS by `http.cors_origins`, with Onhand's headers exposed.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

use super::Reply;

const EXPOSED: &str = "ETag, Location, Retry-After, X-Correlation-Id, traceparent, Onhand-As-Of, Onhand-Source, Onhand-Stale, \
    Onhand-Session, Idempotent-Replayed, RateLimit, RateLimit-Policy";
const METHODS: &str = "GET, HEAD, POST, OPTIONS";
const HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Correlation-Id, traceparent, \
    Onhand-Max-Staleness, Onhand-Session, Onhand-Timeout-Ms";

/// What a request's web origin may.
pub(super) struct Judged(Option<HeaderValue>);

/// `origins`: those that may call, of which `*` is any.
pub(super) fn judge(origins: &[String], headers: &HeaderMap) -> Judged {
    if origins.is_empty() {
        return Judged(None);
    }
    let known = |origin: &&HeaderValue| origins.iter().any(|held| held == "*" || held.as_bytes() == origin.as_bytes());
    Judged(headers.get(header::ORIGIN).filter(known).cloned())
}

impl Judged {
    /// The answer to a preflight; other OPTIONS requests go their way.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Reply> {
        let asks = || request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks() {
            return None;
        }
        let mut reply = Response::new(Bytes::new().into());
        *reply.status_mut() = StatusCode::NO_CONTENT;
        self.allow(&mut reply);
        if self.0.is_some() {
            let headers = reply.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(HEADERS));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
        Some(reply)
    }

    pub(super) fn allow(&self, reply: &mut Reply) {
        let Some(origin) = &self.0 else { return };
        let headers = reply.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
