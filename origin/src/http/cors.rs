//! CORS by `http.cors_origins`, with Onhand's headers exposed.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS];
/// What a page may send, besides what it always may.
const SENT: [&str; 7] = [
    "authorization",
    "content-type",
    "idempotency-key",
    "x-correlation-id",
    "traceparent",
    "onhand-session",
    "onhand-timeout-ms",
];
/// What a page may read, besides what it always may.
const EXPOSED: [&str; 10] = [
    "etag",
    "location",
    "retry-after",
    "x-correlation-id",
    "traceparent",
    "onhand-as-of",
    "onhand-session",
    "idempotent-replayed",
    "ratelimit",
    "ratelimit-policy",
];

pub(super) fn layer(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::mirror_request()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods(METHODS)
        .allow_headers(SENT.map(HeaderName::from_static))
        .expose_headers(EXPOSED.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600))
        .vary([header::ORIGIN])
}
