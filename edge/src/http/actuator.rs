//! The management listener's pages in Spring Actuator's JSON that edge and origin have alike.

use http::{Request, StatusCode, header};
use onhand_http::{
    actuator::{self, Loggers},
    body::require_json,
};
use onhand_wire::{Code, Problem};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Content, Failure, Reply, json as page, not_found, note, reply, whole};
use crate::node::Node;

const PAGES: [&str; 13] = [
    "self",
    "health",
    "health/liveness",
    "health/readiness",
    "info",
    "metrics",
    "metrics/{name}",
    "loggers",
    "loggers/{name}",
    "prometheus",
    "rules",
    "caches/clearAll",
    "explain/{sku}",
];

/// The pages of this module; of two, a name tells which one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Page {
    Links,
    Info,
    Metrics,
    Metric,
    Loggers,
    Logger,
    Rules,
}

fn named(raw: &str) -> String {
    percent_decode_str(raw).decode_utf8_lossy().into_owned()
}

pub(super) fn show(node: &Node, page: Page, name: &str, request: &Request<Content>) -> Result<Reply, Failure> {
    match page {
        Page::Links => Ok(shown(&actuator::links(&base(request), &PAGES))),
        Page::Info => Ok(shown(&info(node))),
        Page::Metrics => Ok(shown(&actuator::metric_names(&node.metrics.gather(&node.gauges())))),
        Page::Metric => metric(node, &named(name), request.uri().query().unwrap_or_default()),
        Page::Loggers => Ok(shown(&actuator::loggers(loggers(node)?))),
        Page::Rules => Ok(shown(&json!(node.rules.report()))),
        Page::Logger => Ok(shown(&actuator::logger(loggers(node)?, &named(name))?)),
    }
}

/// A POST; only a logger takes one.
pub(super) async fn change(node: &Node, page: Page, name: &str, request: Request<Content>) -> Result<Reply, Failure> {
    match page {
        Page::Logger => set_level(node, &named(name), request).await,
        _ => Err(not_found()),
    }
}

fn shown(value: &Value) -> Reply {
    page(StatusCode::OK, value.to_string())
}

fn base(request: &Request<Content>) -> String {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}

fn info(node: &Node) -> Value {
    json!({
        "name": "onhand-edge",
        "version": node.build,
        "region": node.region,
        "uptime_s": node.started.elapsed().as_secs(),
    })
}

fn metric(node: &Node, name: &str, query: &str) -> Result<Reply, Failure> {
    let tags = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
        if key != "tag" {
            return Err(Problem::field(key, "no such parameter"));
        }
        actuator::tag(&percent_decode_str(text).decode_utf8_lossy())
    });
    let tags = tags.collect::<Result<Vec<_>, _>>()?;
    let found = actuator::metric(&node.metrics.gather(&node.gauges()), name, &tags);
    let detail = "no such metric here, or none with these tags; /actuator/metrics lists the names";
    Ok(shown(&found.ok_or_else(|| Problem::new(Code::NotFound, detail))?))
}

fn loggers(node: &Node) -> Result<&dyn Loggers, Failure> {
    node.loggers.get().map(|loggers| &**loggers).ok_or_else(not_found)
}

async fn set_level(node: &Node, name: &str, request: Request<Content>) -> Result<Reply, Failure> {
    let (head, content) = request.into_parts();
    require_json(&head.headers)?;
    let content = whole(node, content).await?;
    actuator::set_level(loggers(node)?, name, &content)?;
    note::note(node, &head.headers, "level_changed", name, &String::from_utf8_lossy(&content));
    Ok(reply(StatusCode::NO_CONTENT, "application/json", ""))
}
