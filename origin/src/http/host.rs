//! The name under which the caller reached the listener.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Version, header},
    middleware::Next,
    response::Response,
};
use onhand_wire::{
    Problem,
    host::{self, Hosts},
};

use super::fail::Fail;

/// Every call says it once.
pub(super) async fn given(request: Request, next: Next) -> Result<Response, Fail> {
    name(&request)?;
    Ok(next.run(request).await)
}

/// The management listener is reached only under names that it knows.
pub(super) async fn allowed(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Result<Response, Fail> {
    let named = [name(&request)?, request.uri().host()];
    named.into_iter().flatten().try_for_each(|host| hosts.allow(host))?;
    Ok(next.run(request).await)
}

fn name(request: &Request) -> Result<Option<&str>, Problem> {
    let lines = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes);
    host::given(lines, request.version() >= Version::HTTP_11)
}
