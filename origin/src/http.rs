//! The API listener: decode → call → encode.

mod body;
mod bulk;
mod catalogue;
mod cors;
mod fail;
mod imports;
pub(crate) mod openapi;
mod operations;
mod pace;
mod params;
mod reservations;
mod stock;
mod write;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post, put},
};
use onhand_wire::{auth::Verifier, setting::HttpConfig};

use crate::{batch::Batches, expire::Sweeper, metrics::Metrics, relay::Feed, store::Store};

/// What every handler may use.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) batches: Batches,
    pub(crate) sweeper: Sweeper,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) metrics: Metrics,
    pub(crate) region: String,
    pub(crate) write_timeout: std::time::Duration,
}

type Shared = axum::extract::State<Arc<Context>>;
/// A problem is written by [`fail::finish`], which knows the call's correlation id.
type Reply = Result<axum::response::Response, fail::Fail>;

/// Each is documented in [`openapi`].
fn routes() -> Router<Arc<Context>> {
    Router::new()
        .route("/openapi.json", get(openapi::page))
        .route("/v1/reservations", post(reservations::create))
        .route("/v1/reservations/{id}", get(reservations::read))
        .route("/v1/reservations/{id}/extend", post(reservations::extend))
        .route("/v1/reservations/{id}/confirm", post(reservations::confirm))
        .route("/v1/reservations/{id}/cancel", post(reservations::cancel))
        .route("/v1/reservations/{id}/fulfil", post(reservations::fulfil))
        .route("/v1/reservations/{id}/return", post(reservations::give_back))
        .route("/inventory/health", get(operations::inventory_health))
        .route("/inventory/products", get(catalogue::search))
        .route(
            "/inventory/products/{sku}",
            get(catalogue::read_item).put(catalogue::put_item).delete(catalogue::delete_item),
        )
        .route("/inventory/products/{sku}/stock", put(stock::set))
        .route("/inventory/products/{sku}/adjustments", post(stock::adjust))
        .route("/inventory/products/{sku}/policy", put(stock::policy))
        .route("/inventory/products/{sku}/ledger", get(stock::ledger))
        .route("/inventory/transfers", post(stock::transfer))
        .route("/inventory/locations/{id}", get(catalogue::read_location).put(catalogue::put_location))
        .route("/inventory/channels/{id}", get(catalogue::read_channel).put(catalogue::put_channel))
        .route("/inventory/imports", post(imports::import))
        .route("/inventory/admin/maintenance", post(operations::maintenance))
        .route("/internal/api/facts", post(bulk::facts))
        .route("/internal/api/topology", get(bulk::topology))
        .route("/internal/api/inventory/reconcile", post(operations::reconcile))
        .route("/internal/api/inventory/release-expired-reservations", post(operations::release_expired))
}

pub(crate) fn api(context: Arc<Context>, limits: &Arc<HttpConfig>) -> Router {
    routes()
        .fallback(async || fail::not_found())
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(limits.clone(), pace::pace))
        .layer(middleware::from_fn(fail::finish))
        .layer(cors::layer(&limits.cors_origins))
        .with_state(context)
}

pub(crate) fn management(context: Arc<Context>) -> Router {
    Router::new()
        .route("/metrics", get(operations::metrics))
        .route("/actuator/prometheus", get(operations::metrics))
        .route("/actuator/health", get(operations::inventory_health))
        .route("/actuator/health/readiness", get(operations::readiness))
        .route("/actuator/health/liveness", get(operations::liveness))
        .fallback(async || fail::not_found())
        .layer(middleware::from_fn(fail::finish))
        .with_state(context)
}
