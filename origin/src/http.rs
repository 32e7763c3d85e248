//! The API listener: decode → call → encode.

mod actuator;
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
mod reconcile;
mod releases;
mod reservations;
mod runbook;
mod stock;
mod whole;
mod write;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post, put},
};
use onhand_wire::{actuator::Loggers, auth::Verifier, setting::HttpConfig};

use crate::{
    announce::Announcer, batch::Batches, config::Warehouse, expire::Sweeper, metrics::Metrics, relay::Feed,
    restock::Restocker, store::Store,
};

/// What every handler may use.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) rules: onhand_rules::Rules,
    pub(crate) batches: Batches,
    pub(crate) sweeper: Sweeper,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) metrics: Metrics,
    pub(crate) region: String,
    pub(crate) write_timeout: std::time::Duration,
    pub(crate) stuck_after: std::time::Duration,
    pub(crate) warehouse: Warehouse,
    pub(crate) restocker: Arc<Restocker>,
    /// None: releases of rules are neither announced nor pushed.
    pub(crate) announcer: Option<Arc<Announcer>>,
    pub(crate) loggers: std::sync::OnceLock<Arc<dyn Loggers>>,
    pub(crate) started: std::time::Instant,
    /// Of the configuration, secrets left out.
    pub(crate) fingerprint: String,
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
        .route("/inventory/rules", get(releases::rules))
        .route("/inventory/rules/{rule}/releases", get(releases::manifests).post(releases::push))
        .route("/inventory/rules/{rule}/rollback", get(releases::roll_back_plan).post(releases::roll_back))
        .route("/inventory/admin/maintenance", post(operations::maintenance))
        .route("/internal/api/facts", post(bulk::facts))
        .route("/internal/api/topology", get(bulk::topology))
        .route("/internal/api/most-held", get(bulk::most_held))
        .route("/internal/api/rules/manifests/{rule}", get(releases::manifest))
        .route("/internal/api/rules/releases/{digest}", get(releases::release))
        .route("/internal/api/reservations/{id}/trace", get(reservations::trace))
        .route("/internal/api/inventory/low-stock", get(runbook::low_stock))
        .route("/internal/api/inventory/stuck-reservations", get(runbook::stuck))
        .route("/internal/api/inventory/reconcile", post(reconcile::reconcile))
        .route("/internal/api/inventory/release-expired-reservations", post(runbook::release_expired))
        .route("/internal/api/inventory/trigger-restock-notifications", post(runbook::restock))
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
        .route("/actuator", get(actuator::links))
        .route("/actuator/health", get(actuator::health))
        .route("/actuator/info", get(actuator::info))
        .route("/actuator/metrics", get(actuator::metric_names))
        .route("/actuator/metrics/{name}", get(actuator::metric))
        .route("/actuator/loggers", get(actuator::loggers))
        .route("/actuator/loggers/{name}", get(actuator::logger).post(actuator::set_level))
        .route("/actuator/rules", get(actuator::rules))
        .route("/actuator/restart-db-connections", post(actuator::restart_connections))
        .route("/actuator/health/readiness", get(operations::readiness))
        .route("/actuator/health/liveness", get(operations::liveness))
        .route("/inventory/health", get(operations::inventory_health))
        .fallback(async || fail::not_found())
        .layer(middleware::from_fn(fail::finish))
        .with_state(context)
}
