//! The API listener: decode → call → encode.

mod actuator;
mod alerting;
mod bulk;
mod catalogue;
mod exports;
mod fail;
mod imports;
pub(crate) mod openapi;
mod orders;
mod operations;
mod pace;
mod reconcile;
mod releases;
mod reservations;
mod runbook;
mod stock;
mod trail;
mod users;
mod whole;
mod write;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler,
    http::{HeaderValue, Method, header},
    middleware,
    middleware::Next,
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use onhand_http::{
    actuator::Loggers,
    auth::{
        Access::{self, Anyone},
        Routed, Scope, Verifier, refusal,
    },
    cors::Cors,
    host::{self, Hosts},
    rate::RateLimit,
    setting::HttpConfig,
};
use onhand_wire::Problem;
use tokio::sync::Semaphore;

use crate::{
    alerting::Alerting,
    announce::Announcer,
    batch::Batches,
    config::{Imports, Warehouse},
    expire::Sweeper,
    feed::Feed,
    lanes::Lanes,
    metrics::Metrics,
    restock::Restocker,
    serve::Peer,
    store::Store,
    users::{Attempts, Passwords},
};

pub(crate) use exports::AT_ONCE as EXPORTS_AT_ONCE;

/// What every handler may use.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) rules: onhand_rules::Rules,
    pub(crate) batches: Batches,
    pub(crate) sweeper: Sweeper,
    pub(crate) feed: Arc<dyn Feed>,
    pub(crate) verifier: Arc<Verifier>,
    /// How many refusals of tokens are logged.
    pub(crate) refusals: refusal::Sparing,
    pub(crate) metrics: Metrics,
    pub(crate) region: String,
    pub(crate) write_timeout: std::time::Duration,
    pub(crate) stuck_after: std::time::Duration,
    pub(crate) warehouse: Warehouse,
    /// Calls the warehouse system.
    pub(crate) client: reqwest::Client,
    pub(crate) imports: Imports,
    /// A place for each import that may be under way.
    pub(crate) importing: Semaphore,
    /// A place for each export that may be under way.
    pub(crate) exporting: Arc<Semaphore>,
    pub(crate) restocker: Arc<Restocker>,
    pub(crate) alerting: Arc<Alerting>,
    /// `None` if releases of rules are neither announced nor pushed.
    pub(crate) announcer: Option<Arc<Announcer>>,
    /// None: orders are not configured.
    pub(crate) orders: Option<Arc<Lanes>>,
    pub(crate) passwords: Passwords,
    pub(crate) attempts: Attempts,
    /// None: one caller may place any number of orders.
    pub(crate) order_rate: Option<RateLimit>,
    pub(crate) loggers: std::sync::OnceLock<Arc<dyn Loggers>>,
    pub(crate) started: std::time::Instant,
    /// The fingerprint of the configuration, without secrets.
    pub(crate) fingerprint: String,
}

type Shared = axum::extract::State<Arc<Context>>;
/// A problem is written by [`fail::finish`], which knows the call's correlation id.
type Reply = Result<axum::response::Response, fail::Fail>;

/// A call, and who may make it. The routers are built from these alone, so a call without an [`Access`] does not
/// compile, and its token is judged before its handler runs.
struct Route {
    method: Method,
    path: &'static str,
    access: Access,
    answer: MethodRouter<Arc<Context>>,
}

fn call<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, Arc<Context>>,
    T: 'static,
{
    let filter = MethodFilter::try_from(method.clone()).expect("only methods that the router knows are named here");
    Route { method, path, access, answer: on(filter, handler) }
}

fn get<H: Handler<T, Arc<Context>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    call(Method::GET, path, access, handler)
}

fn post<H: Handler<T, Arc<Context>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    call(Method::POST, path, access, handler)
}

fn put<H: Handler<T, Arc<Context>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    call(Method::PUT, path, access, handler)
}

fn delete<H: Handler<T, Arc<Context>>, T: 'static>(path: &'static str, access: Access, handler: H) -> Route {
    call(Method::DELETE, path, access, handler)
}

const STOREFRONT: Access = Access::Token(Scope::Storefront);
const FULFILMENT: Access = Access::Token(Scope::Fulfilment);
const OPERATOR: Access = Access::Token(Scope::Operator);
const ADMIN: Access = Access::Token(Scope::Admin);
const EDGE: Access = Access::Token(Scope::Edge);
const ALERTING: Access = Access::Token(Scope::Alerting);

/// The routes of the API listener. Each is documented in [`openapi`].
fn routes() -> Vec<Route> {
    vec![
        get("/openapi.json", Anyone, openapi::page),
        post("/v1/reservations", STOREFRONT, reservations::create),
        // By more than its order_ref the handler asks for operator.
        get("/v1/reservations", STOREFRONT, reservations::list),
        get("/v1/reservations/{id}", STOREFRONT, reservations::read),
        put("/v1/reservations/{id}/lines", STOREFRONT, reservations::set_lines),
        post("/v1/reservations/{id}/reallocate", OPERATOR, reservations::reallocate),
        post("/v1/reservations/{id}/extend", STOREFRONT, reservations::extend),
        post("/v1/reservations/{id}/confirm", STOREFRONT, reservations::confirm),
        post("/v1/reservations/{id}/cancel", STOREFRONT, reservations::cancel),
        post("/v1/reservations/{id}/fulfil", FULFILMENT, reservations::fulfil),
        post("/v1/reservations/{id}/return", FULFILMENT, reservations::give_back),
        post("/v1/orders", STOREFRONT, orders::place),
        get("/v1/orders", OPERATOR, orders::list),
        get("/v1/orders/{id}", STOREFRONT, orders::read),
        get("/v1/orders/{id}/stream", STOREFRONT, orders::stream),
        get("/inventory/health", Anyone, operations::inventory_health),
        get("/inventory/products", STOREFRONT, catalogue::search),
        get("/inventory/products/{sku}", OPERATOR, catalogue::read_item),
        put("/inventory/products/{sku}", ADMIN, catalogue::put_item),
        delete("/inventory/products/{sku}", ADMIN, catalogue::delete_item),
        put("/inventory/products/{sku}/stock", ADMIN, stock::set),
        post("/inventory/products/{sku}/adjustments", OPERATOR, stock::adjust),
        put("/inventory/products/{sku}/policy", OPERATOR, stock::policy),
        get("/inventory/products/{sku}/ledger", OPERATOR, stock::ledger),
        post("/inventory/transfers", OPERATOR, stock::transfer),
        get("/inventory/stock", OPERATOR, exports::stock),
        get("/inventory/ledger", OPERATOR, exports::ledger),
        get("/inventory/locations", OPERATOR, catalogue::locations),
        get("/inventory/channels", OPERATOR, catalogue::channels),
        delete("/inventory/locations/{id}", ADMIN, catalogue::delete_location),
        delete("/inventory/channels/{id}", ADMIN, catalogue::delete_channel),
        get("/inventory/locations/{id}", OPERATOR, catalogue::read_location),
        put("/inventory/locations/{id}", ADMIN, catalogue::put_location),
        get("/inventory/channels/{id}", OPERATOR, catalogue::read_channel),
        put("/inventory/channels/{id}", ADMIN, catalogue::put_channel),
        // With mode=set (the default) or create=true the handler asks for admin.
        post("/inventory/imports", OPERATOR, imports::import),
        get("/inventory/rules", OPERATOR, releases::rules),
        get("/inventory/rules/{rule}/releases", OPERATOR, releases::manifests),
        post("/inventory/rules/{rule}/releases", ADMIN, releases::push),
        get("/inventory/rules/{rule}/rollback", OPERATOR, releases::roll_back_plan),
        post("/inventory/rules/{rule}/rollback", ADMIN, releases::roll_back),
        post("/inventory/admin/maintenance", ADMIN, operations::maintenance),
        post("/internal/api/facts", EDGE, bulk::facts),
        get("/internal/api/topology", EDGE, bulk::topology),
        get("/internal/api/most-held", EDGE, bulk::most_held),
        get("/internal/api/rules/manifests/{rule}", EDGE, releases::manifest),
        get("/internal/api/rules/releases/{digest}", EDGE, releases::release),
        get("/internal/api/reservations/{id}/trace", OPERATOR, reservations::trace),
        get("/internal/api/orders/standing", EDGE, orders::standing),
        get("/internal/api/orders/lanes", OPERATOR, orders::lanes),
        post("/internal/api/orders/lanes/{lane}/pause", OPERATOR, orders::pause),
        post("/internal/api/orders/lanes/{lane}/resume", OPERATOR, orders::resume),
        get("/internal/api/orders/dlq", OPERATOR, orders::letters),
        get("/internal/api/orders/dlq/summary", OPERATOR, orders::summary),
        post("/internal/api/orders/dlq/replay", OPERATOR, orders::replay),
        get("/internal/api/orders/dlq/replays/{id}", OPERATOR, orders::read_replay),
        post("/internal/api/orders/dlq/replays/{id}/stop", OPERATOR, orders::stop),
        post("/internal/api/orders/dlq/discard", OPERATOR, orders::discard),
        get("/internal/api/audit", OPERATOR, trail::list),
        post("/internal/api/audit", OPERATOR, trail::note),
        get("/internal/api/users", ADMIN, users::list),
        post("/internal/api/users", ADMIN, users::register),
        post("/internal/api/users/invitations", ADMIN, users::invite),
        post("/internal/api/users/verify", ADMIN, users::verify),
        get("/internal/api/users/{name}", ADMIN, users::read),
        put("/internal/api/users/{name}/role", ADMIN, users::set_role),
        post("/internal/api/users/{name}/sign-out", ADMIN, users::sign_out),
        delete("/internal/api/users/{name}", ADMIN, users::remove),
        post("/internal/api/alerting/heartbeat", ALERTING, alerting::heartbeat),
        get("/internal/api/inventory/low-stock", OPERATOR, runbook::low_stock),
        get("/internal/api/inventory/stuck-reservations", OPERATOR, runbook::stuck),
        // With mode=apply the handler asks for admin.
        post("/internal/api/inventory/reconcile", OPERATOR, reconcile::reconcile),
        post("/internal/api/inventory/release-expired-reservations", OPERATOR, runbook::release_expired),
        post("/internal/api/inventory/trigger-restock-notifications", OPERATOR, runbook::restock),
    ]
}

/// The routes of the management listener.
fn management_routes() -> Vec<Route> {
    vec![
        get("/metrics", Anyone, operations::metrics),
        get("/actuator/prometheus", Anyone, operations::metrics),
        get("/actuator", Anyone, actuator::links),
        get("/actuator/health", Anyone, actuator::health),
        get("/actuator/info", Anyone, actuator::info),
        get("/actuator/metrics", Anyone, actuator::metric_names),
        get("/actuator/metrics/{name}", Anyone, actuator::metric),
        get("/actuator/loggers", Anyone, actuator::loggers),
        get("/actuator/loggers/{name}", Anyone, actuator::logger),
        post("/actuator/loggers/{name}", OPERATOR, actuator::set_level),
        get("/actuator/rules", Anyone, actuator::rules),
        post("/actuator/restart-db-connections", OPERATOR, actuator::restart_connections),
        get("/actuator/health/readiness", Anyone, operations::readiness),
        get("/actuator/health/liveness", Anyone, operations::liveness),
        get("/inventory/health", Anyone, operations::inventory_health),
    ]
}

/// The calls of the API listener and those of the management listener, and who may make each.
pub fn routed() -> [Vec<Routed>; 2] {
    [routes(), management_routes()].map(|routes| {
        let routed = |Route { method, path, access, .. }| Routed { method: method.to_string(), path, access };
        routes.into_iter().map(routed).collect()
    })
}

fn router(routes: Vec<Route>, context: &Arc<Context>) -> Router<Arc<Context>> {
    routes.into_iter().fold(Router::new(), |router, Route { path, access, answer, .. }| {
        let judge = middleware::from_fn_with_state((context.clone(), access), judged);
        router.route(path, answer.route_layer(judge))
    })
}

/// Judges the token that a call needs, and passes on its claims.
async fn judged(
    State((context, access)): State<(Arc<Context>, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, fail::Fail> {
    if let Access::Token(scope) = access {
        let token = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        let claims = context.verifier.judge(token, scope)?;
        request.extensions_mut().insert(claims);
    }
    Ok(next.run(request).await)
}

impl Context {
    /// Counts a call that is refused for its token, and logs it now and then; never the token.
    fn count_refusal(&self, problem: &Problem, peer: Option<Peer>, correlation_id: &str) {
        let Some(reason) = refusal::reason(problem) else { return };
        self.metrics.token_refused(reason);
        if self.refusals.allows_now() {
            let address = peer.map(|Peer(address)| address.to_string());
            tracing::warn!(reason, address, correlation_id, "a call was refused for its token");
        }
    }
}

/// Every call must have exactly one valid `Host`.
async fn named(request: Request, next: Next) -> Result<Response, fail::Fail> {
    host::of(&request)?;
    Ok(next.run(request).await)
}

/// The management listener answers only to names that it knows.
async fn known(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Result<Response, fail::Fail> {
    hosts.admit(&request)?;
    Ok(next.run(request).await)
}

/// Answers preflights, and lets browsers show answers to the pages that may see them.
async fn browsers(State(cors): State<Arc<Cors>>, request: Request, next: Next) -> Response {
    let allowed = cors.judge(request.headers());
    if let Some(preflight) = allowed.preflight(&request) {
        return preflight;
    }
    let mut response = next.run(request).await;
    allowed.write(response.headers_mut());
    response
}

pub(crate) fn api(context: Arc<Context>, limits: &Arc<HttpConfig>) -> Router {
    router(routes(), &context)
        .fallback(async || fail::not_found())
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(limits.clone(), pace::pace))
        .layer(middleware::from_fn(named))
        .layer(middleware::from_fn_with_state(context.clone(), fail::finish))
        .layer(middleware::from_fn_with_state(Arc::new(Cors::new(&limits.cors_origins)), browsers))
        .with_state(context)
}

pub(crate) fn management(context: Arc<Context>, limits: &Arc<HttpConfig>, hosts: Hosts) -> Router {
    router(management_routes(), &context)
        .fallback(async || fail::not_found())
        .layer(middleware::from_fn_with_state(limits.clone(), pace::pace))
        .layer(middleware::from_fn_with_state(Arc::new(hosts), known))
        .layer(middleware::from_fn_with_state(context.clone(), fail::finish))
        .with_state(context)
}
