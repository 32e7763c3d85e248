//! The management listener's pages in Spring Actuator's JSON that edge and origin have alike.

use http::{Method, Request, StatusCode, header};
use hyper::body::Incoming;
use onhand_wire::{
    Code, Problem,
    actuator::{self, Loggers},
    auth::Scope,
};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Failure, Reply, body, json as page, not_found, note, reply};
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

/// The pages of this module, with the name at their end.
pub(super) enum Page {
    Links,
    Info,
    Metrics,
    Metric(String),
    Loggers,
    Logger(String),
    Rules,
}

impl Page {
    pub(super) fn of(path: &str) -> Option<Self> {
        let named = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some(match path.strip_prefix("/actuator")? {
            "" | "/" => Self::Links,
            "/info" => Self::Info,
            "/metrics" => Self::Metrics,
            "/loggers" => Self::Loggers,
            "/rules" => Self::Rules,
            rest => match (rest.strip_prefix("/metrics/"), rest.strip_prefix("/loggers/")) {
                (Some(name), _) => Self::Metric(named(name)),
                (_, Some(name)) => Self::Logger(named(name)),
                _ => return None,
            },
        })
    }
}

pub(super) async fn route(node: &Node, asked: Page, request: Request<Incoming>) -> Result<Reply, Failure> {
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    match asked {
        Page::Logger(name) if request.method() == Method::POST => set_level(node, &name, request).await,
        Page::Logger(_) if !get => Err(Failure::MethodNotAllowed("GET, HEAD, POST")),
        _ if !get => Err(Failure::MethodNotAllowed("GET, HEAD")),
        Page::Links => Ok(shown(&actuator::links(&base(&request), &PAGES))),
        Page::Info => Ok(shown(&info(node))),
        Page::Metrics => Ok(shown(&actuator::metric_names(&node.metrics.gather(&node.gauges())))),
        Page::Metric(name) => metric(node, &name, request.uri().query().unwrap_or_default()),
        Page::Loggers => Ok(shown(&actuator::loggers(loggers(node)?))),
        Page::Rules => Ok(shown(&json!(node.rules.report()))),
        Page::Logger(name) => Ok(shown(&actuator::logger(loggers(node)?, &name)?)),
    }
}

fn shown(value: &Value) -> Reply {
    page(StatusCode::OK, value.to_string())
}

fn base(request: &Request<Incoming>) -> String {
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

async fn set_level(node: &Node, name: &str, request: Request<Incoming>) -> Result<Reply, Failure> {
    let (head, content) = request.into_parts();
    node.auth.needs(&head.headers, Scope::Operator)?;
    body::require_json(&head.headers)?;
    let content = body::read(content, node.body_timeout).await?;
    actuator::set_level(loggers(node)?, name, &content)?;
    note::note(node, &head.headers, "level_changed", name, &String::from_utf8_lossy(&content));
    Ok(reply(StatusCode::NO_CONTENT, "application/json", ""))
}
