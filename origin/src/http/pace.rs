//! How fast a body must arrive, by its path.

use std::sync::Arc;

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use onhand_http::{
    body::{Pace, Paced},
    setting::HttpConfig,
};

/// An import or a release of a rule may take any time, but must not pause; every other body is short.
pub(super) async fn pace(State(config): State<Arc<HttpConfig>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let path = request.uri().path();
    let long = path == "/inventory/imports" || path.starts_with("/inventory/rules/");
    let pace = if long { Pace::Steady(config.idle_timeout.0) } else { Pace::Whole(config.header_timeout.0) };
    next.run(request.map(|body| Body::new(Paced::new(body, pace)))).await
}
