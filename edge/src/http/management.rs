//! The management listener: metrics and actuator. Reading needs no token, changing does.

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use onhand_wire::auth::Scope;

use super::{Failure, Reply, actuator, explain, health, json, not_found, note, reply, warm};
use crate::node::Node;

const WARM: &str = "/internal/api/inventory/warm-cache";
const EXPLAIN: &str = "/actuator/explain/";
const METRICS: &str = "text/plain; version=0.0.4";

pub(super) async fn route(node: &Node, request: Request<Incoming>) -> Result<Reply, Failure> {
    if let Some(page) = actuator::Page::of(request.uri().path()) {
        return actuator::route(node, page, request).await;
    }
    if request.uri().path() == WARM {
        return if request.method() == Method::POST {
            warm::post(node, request).await
        } else {
            Err(Failure::MethodNotAllowed("POST"))
        };
    }
    let request = &request;
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/actuator/caches/clearAll" if request.method() == Method::POST => clear_all(node, request).await,
        "/actuator/caches/clearAll" => Err(Failure::MethodNotAllowed("POST")),
        "/actuator/caches/l1" if request.method() == Method::DELETE => clear_l1(node, request),
        "/actuator/caches/l1" => Err(Failure::MethodNotAllowed("DELETE")),
        path if path.starts_with(EXPLAIN) && get => explain::get(node, &path[EXPLAIN.len()..]).await,
        path if !get && is_read(path) => Err(Failure::MethodNotAllowed("GET, HEAD")),
        "/health" => Ok(health::report(node)),
        "/metrics" | "/actuator/prometheus" => Ok(reply(StatusCode::OK, METRICS, node.metrics.page(&node.gauges()))),
        "/actuator/health/liveness" => Ok(up(true)),
        // Redis and Kafka do not fail it: an edge answers without them.
        "/actuator/health" | "/actuator/health/readiness" => Ok(up(node.is_ready())),
        _ => Err(not_found()),
    }
}

fn is_read(path: &str) -> bool {
    ["/health", "/metrics", "/actuator/prometheus", "/actuator/health"].contains(&path)
        || path.starts_with(EXPLAIN)
        || ["/actuator/health/liveness", "/actuator/health/readiness"].contains(&path)
}

fn up(up: bool) -> Reply {
    let (status, body) = if up {
        (StatusCode::OK, r#"{"status":"UP"}"#)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"OUT_OF_SERVICE"}"#)
    };
    json(status, body)
}

async fn clear_all<B>(node: &Node, request: &Request<B>) -> Result<Reply, Failure> {
    node.auth.needs(request.headers(), Scope::Operator)?;
    let cleared = match node.cache.clear().await {
        Some(true) => r#"{"cleared":["l1","l2"]}"#,
        Some(false) => r#"{"cleared":["l1"],"failed":["l2"]}"#,
        None => r#"{"cleared":["l1"]}"#,
    };
    tracing::info!(cleared, "caches cleared by an operator");
    note::note(node, request.headers(), "caches_cleared", "caches", cleared);
    Ok(json(StatusCode::OK, cleared))
}

/// This node's own tier only, as Spring's actuator evicts a cache by name.
fn clear_l1<B>(node: &Node, request: &Request<B>) -> Result<Reply, Failure> {
    node.auth.needs(request.headers(), Scope::Operator)?;
    node.cache.clear_l1();
    tracing::info!("l1 cleared by an operator");
    note::note(node, request.headers(), "caches_cleared", "l1", "l1");
    Ok(json(StatusCode::OK, r#"{"cleared":["l1"]}"#))
}
