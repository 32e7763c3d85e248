//! CORS by `http.cors_origins`: which web origins may call from a browser, and what their pages may send and read.

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};

const METHODS: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
/// Headers that a page may send, besides those that are always allowed.
const SENT: &str = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-Correlation-Id, \
    traceparent, Onhand-Max-Staleness, Onhand-Session, Onhand-Timeout-Ms";
/// Headers that a page may read, besides those that are always allowed.
const EXPOSED: &str = "ETag, Location, Retry-After, X-Correlation-Id, traceparent, Onhand-As-Of, Onhand-Source, \
    Onhand-Stale, Onhand-Session, Idempotent-Replayed, RateLimit, RateLimit-Policy";
/// How long a browser may remember a preflight, in seconds.
const REMEMBERED: &str = "600";

/// The web origins that may call.
#[derive(Debug)]
pub struct Cors {
    origins: Vec<String>,
    any: bool,
}

/// The web origin of one request, if it may call.
#[derive(Debug)]
pub struct Allowed(Option<HeaderValue>);

impl Cors {
    pub fn new(origins: &[String]) -> Self {
        Self { origins: origins.to_vec(), any: origins.iter().any(|origin| origin == "*") }
    }

    pub fn judge(&self, headers: &HeaderMap) -> Allowed {
        if self.origins.is_empty() {
            return Allowed(None);
        }
        let origin = headers.get(header::ORIGIN);
        let known =
            |origin: &&HeaderValue| self.any || self.origins.iter().any(|held| held.as_bytes() == origin.as_bytes());
        Allowed(origin.filter(known).cloned())
    }
}

impl Allowed {
    /// The answer to a preflight; `None` for other OPTIONS requests.
    pub fn preflight<B, R: Default>(&self, request: &Request<B>) -> Option<Response<R>> {
        let asks = || request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks() {
            return None;
        }
        let mut reply = Response::new(R::default());
        *reply.status_mut() = StatusCode::NO_CONTENT;
        self.write(reply.headers_mut());
        if self.0.is_some() {
            let headers = reply.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED));
        }
        Some(reply)
    }

    /// Writes the headers that let the browser show the answer to the page.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Some(origin) = &self.0 else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}
