//! The management listener's pages in Spring Actuator's JSON that edge and origin share.

use http::{Request, StatusCode};
use onhand_http::{
    actuator::{self, Loggers},
    body::require_json,
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Content, Failure, Reply, json as page, not_found, note, reply, whole};
use crate::node::Node;

/// Pages that an origin does not have.
const PAGES: [&str; 2] = ["caches/clearAll", "explain/{sku}"];

/// The pages of this module; two of them also have a name.
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
        Page::Links => Ok(shown(&actuator::links(request.headers(), &PAGES))),
        Page::Info => Ok(shown(&info(node))),
        Page::Metrics => Ok(shown(&actuator::metric_names(&node.metrics.gather(&node.gauges())))),
        Page::Metric => {
            let families = node.metrics.gather(&node.gauges());
            Ok(shown(&actuator::asked_metric(&families, &named(name), request.uri().query())?))
        }
        Page::Loggers => Ok(shown(&actuator::loggers(loggers(node)?))),
        Page::Rules => Ok(shown(&json!(node.rules.report()))),
        Page::Logger => Ok(shown(&actuator::logger(loggers(node)?, &named(name))?)),
    }
}

/// A POST; only loggers accept one.
pub(super) async fn change(node: &Node, page: Page, name: &str, request: Request<Content>) -> Result<Reply, Failure> {
    match page {
        Page::Logger => set_level(node, &named(name), request).await,
        _ => Err(not_found()),
    }
}

fn shown(value: &Value) -> Reply {
    page(StatusCode::OK, value.to_string())
}

fn info(node: &Node) -> Value {
    json!({
        "name": "onhand-edge",
        "version": node.build,
        "region": node.region,
        "uptime_s": node.started.elapsed().as_secs(),
    })
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
