//! The OpenAPI document of the API listener, made from the types that the handlers use.
//!
//! A call is documented by one [`Call`](call::Call) in the table of its subject; a test compares
//! the tables with the router, so that neither has what the other lacks.

mod answers;
mod call;
mod examples;
mod headers;
mod refusals;

mod reservations;
mod orders;
mod stock;
mod catalogue;
mod operations;
mod internal;
mod releases;
mod runbook;
mod users;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};
use utoipa::openapi::{
    Components, Info, License, OpenApi, Paths, Server,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use call::Call;

const ABOUT: &str = "Stock, catalogue and reservations. Bodies are JSON in UTF-8 up to 1 MiB (imports: any length, \
rows up to 64 KiB; releases of rules: 64 MiB); an empty body counts as `{}`; unknown members and query parameters are refused with a 400 that \
names them. Errors are `application/problem+json` (RFC 9457) with a stable `code`; `retry` says whether the same call \
may be made again. Other methods than those listed are answered 405 method_not_allowed with `Allow`, other paths 404 \
not_found. Every answer carries `X-Correlation-Id`.";

const TOKEN: &str = "A JWT (EdDSA) with `scope` storefront, fulfilment, operator or admin, each including the one \
before, or edge, which operator and admin include and which includes nothing; each operation's description names the \
scope that it needs.";

fn calls() -> Vec<Call> {
    [
        reservations::calls(),
        orders::calls(),
        stock::calls(),
        catalogue::calls(),
        operations::calls(),
        internal::calls(),
        runbook::calls(),
        releases::calls(),
        users::calls(),
    ]
    .concat()
}

/// The whole document.
pub fn document() -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").description(Some(TOKEN)).build();
    components.add_security_scheme(call::TOKEN, SecurityScheme::Http(token));
    components.schemas.extend(onhand_wire::schema::named());
    components.schemas.extend(refusals::schemas());
    for call in calls() {
        components.schemas.extend(call.schemas());
        paths.add_path_operation(call.path, vec![call.method.clone()], call.operation());
    }
    let mut info = Info::new("Onhand origin", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    info.license = Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    let mut document = OpenApi::new(info, paths);
    document.components = Some(components);
    document.servers = Some(vec![Server::new("/")]);
    document
}

static JSON: LazyLock<String> = LazyLock::new(|| document().to_json().expect("plain data encodes"));

/// `GET /openapi.json`: no token needed.
pub(super) async fn page() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], JSON.as_str())
}
