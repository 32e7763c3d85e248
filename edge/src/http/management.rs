//! The management listener: metrics and actuator. Reading needs no token; changing something does.

use std::sync::OnceLock;

use http::{HeaderMap, Method, Request, StatusCode};
use onhand_http::auth::{Access::Anyone, Scope};

use super::{
    Content, Failure, OPERATOR, Reply, Seen, actuator, explain, health, json, note, reply,
    route::{
        self,
        Calls::{Delete, Get, GetPost, Post},
        Row, Table,
    },
    warm,
};
use crate::node::Node;

const METRICS: &str = "text/plain; version=0.0.4";

#[derive(Debug, Clone, Copy)]
pub(super) enum Page {
    Health,
    Metrics,
    Liveness,
    Readiness,
    Explain,
    ClearAll,
    ClearL1,
    Warm,
    Actuator(actuator::Page),
}

pub(super) const ROUTES: [Row<Page>; 18] = [
    ("/health", Get(Anyone), Page::Health),
    ("/metrics", Get(Anyone), Page::Metrics),
    ("/actuator/prometheus", Get(Anyone), Page::Metrics),
    ("/actuator/health/liveness", Get(Anyone), Page::Liveness),
    // Redis and Kafka do not count, because an edge answers without them.
    ("/actuator/health", Get(Anyone), Page::Readiness),
    ("/actuator/health/readiness", Get(Anyone), Page::Readiness),
    ("/actuator", Get(Anyone), Page::Actuator(actuator::Page::Links)),
    ("/actuator/", Get(Anyone), Page::Actuator(actuator::Page::Links)),
    ("/actuator/info", Get(Anyone), Page::Actuator(actuator::Page::Info)),
    ("/actuator/metrics", Get(Anyone), Page::Actuator(actuator::Page::Metrics)),
    ("/actuator/metrics/{name}", Get(Anyone), Page::Actuator(actuator::Page::Metric)),
    ("/actuator/loggers", Get(Anyone), Page::Actuator(actuator::Page::Loggers)),
    ("/actuator/loggers/{name}", GetPost(Anyone, OPERATOR), Page::Actuator(actuator::Page::Logger)),
    ("/actuator/rules", Get(Anyone), Page::Actuator(actuator::Page::Rules)),
    ("/actuator/explain/{name}", Get(Anyone), Page::Explain),
    ("/actuator/caches/clearAll", Post(OPERATOR), Page::ClearAll),
    ("/actuator/caches/l1", Delete(OPERATOR), Page::ClearL1),
    ("/internal/api/inventory/warm-cache", Post(OPERATOR), Page::Warm),
];

fn routes() -> &'static Table<Page> {
    static ROUTER: OnceLock<Table<Page>> = OnceLock::new();
    ROUTER.get_or_init(|| route::router(&ROUTES))
}

pub(super) async fn route(node: &Node, request: Request<Content>, seen: &Seen) -> Result<Reply, Failure> {
    let path = request.uri().path().to_owned();
    let found = route::find(routes(), &path)?;
    let _first = seen.set(found.route);
    route::admit(found.allows(request.method())?, &node.auth, request.headers())?;
    match found.what {
        Page::Health => Ok(health::report(node)),
        Page::Metrics => Ok(reply(StatusCode::OK, METRICS, node.metrics.page(&node.gauges()))),
        Page::Liveness => Ok(up(true)),
        Page::Readiness => Ok(up(node.is_ready())),
        Page::Explain => explain::get(node, found.param("name")).await,
        Page::ClearAll => Ok(clear_all(node, request.headers()).await),
        Page::ClearL1 => Ok(clear_l1(node, request.headers())),
        Page::Warm => warm::post(node, request).await,
        Page::Actuator(page) if request.method() == Method::POST => {
            actuator::change(node, page, found.param("name"), request).await
        }
        Page::Actuator(page) => actuator::show(node, page, found.param("name"), &request),
    }
}

fn up(up: bool) -> Reply {
    let (status, body) = if up {
        (StatusCode::OK, r#"{"status":"UP"}"#)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"OUT_OF_SERVICE"}"#)
    };
    json(status, body)
}

async fn clear_all(node: &Node, asked: &HeaderMap) -> Reply {
    let cleared = match node.cache.clear().await {
        Some(true) => r#"{"cleared":["l1","l2"]}"#,
        Some(false) => r#"{"cleared":["l1"],"failed":["l2"]}"#,
        None => r#"{"cleared":["l1"]}"#,
    };
    let actor = node.auth.subject(asked, Scope::Operator).unwrap_or_default();
    tracing::info!(cleared, actor, "caches cleared by an operator");
    note::note(node, asked, "caches_cleared", "caches", cleared);
    json(StatusCode::OK, cleared)
}

/// Clears only this node's own tier, as Spring's actuator evicts a cache by name.
fn clear_l1(node: &Node, asked: &HeaderMap) -> Reply {
    node.cache.clear_l1();
    let actor = node.auth.subject(asked, Scope::Operator).unwrap_or_default();
    tracing::info!(actor, "l1 cleared by an operator");
    note::note(node, asked, "caches_cleared", "l1", "l1");
    json(StatusCode::OK, r#"{"cleared":["l1"]}"#)
}
