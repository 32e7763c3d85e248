//! A process's Prometheus metrics in Spring Actuator's JSON; no I/O.
//!
//! A metric's name here is its Prometheus name with dots instead of underscores, without `_total` and `_seconds`:
//! `hikaricp_connections_usage` is `hikaricp.connections.usage`, `cache_gets_total` is
//! `cache.gets`. The Prometheus name is understood as well.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, header};
use onhand_wire::{Code, Problem, request};
use prometheus::proto::{Metric, MetricFamily, MetricType};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::query;

/// The names of log levels, quietest first.
pub const LEVELS: [&str; 6] = ["OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
/// The logger that all others follow unless they have a level of their own.
pub const ROOT: &str = "ROOT";

/// Log levels that change while the process runs. A logger is a module, such as `onhand_origin::relay`.
pub trait Loggers: Send + Sync {
    /// Loggers with a level of their own; [`ROOT`] always has one.
    fn configured(&self) -> BTreeMap<String, String>;
    /// Gives a logger one of [`LEVELS`]; `None` undoes a change that was made while running.
    fn set(&self, logger: &str, level: Option<&str>) -> Result<(), String>;
}

/// `POST /actuator/loggers/{name}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SetLevel {
    #[serde(default)]
    configured_level: Option<String>,
}

/// Does what the body of `POST /actuator/loggers/{name}` says.
pub fn set_level(loggers: &dyn Loggers, name: &str, body: &[u8]) -> Result<(), Problem> {
    check_logger(name)?;
    let asked: SetLevel = request::parse(body)?;
    let level = asked.configured_level.map(|level| level.to_ascii_uppercase());
    if level.as_deref().is_some_and(|level| !LEVELS.contains(&level)) {
        let right = format!("one of {}, or null to take it back", LEVELS.join(", "));
        return Err(Problem::field("configuredLevel", right));
    }
    loggers.set(name, level.as_deref()).map_err(|error| Problem::field("configuredLevel", error))
}

fn check_logger(name: &str) -> Result<(), Problem> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
    if (1..=128).contains(&name.len()) && name.bytes().all(known) {
        return Ok(());
    }
    Err(Problem::field("name", "ROOT, or a module such as onhand_origin::relay"))
}

/// `GET /actuator/loggers`.
pub fn loggers(loggers: &dyn Loggers) -> Value {
    let configured = loggers.configured();
    let all: BTreeMap<&String, Value> = configured.keys().map(|name| (name, level(&configured, name))).collect();
    json!({"levels": LEVELS, "loggers": all, "groups": {}})
}

/// `GET /actuator/loggers/{name}`.
pub fn logger(loggers: &dyn Loggers, name: &str) -> Result<Value, Problem> {
    check_logger(name)?;
    Ok(level(&loggers.configured(), name))
}

/// A module without a level of its own follows the nearest module above it that has one.
fn level(configured: &BTreeMap<String, String>, name: &str) -> Value {
    let above = |own: &String| own != ROOT && (name == own || name.starts_with(&format!("{own}::")));
    let nearest = configured.keys().filter(|own| above(own)).max_by_key(|own| own.len());
    let effective = nearest.and_then(|own| configured.get(own)).or_else(|| configured.get(ROOT));
    json!({"configuredLevel": configured.get(name), "effectiveLevel": effective})
}

/// The pages of every process.
const PAGES: [&str; 11] = [
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
];

/// `GET /actuator`, for a request with these headers. `more`: pages that only this process has.
pub fn links(headers: &HeaderMap, more: &[&str]) -> Value {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let link = |page: &&str| {
        let path = if *page == "self" { "/actuator".to_owned() } else { format!("/actuator/{page}") };
        let href = format!("http://{host}{path}");
        (name_of_link(page), json!({"templated": href.contains('{'), "href": href}))
    };
    let links: BTreeMap<String, Value> = PAGES.iter().chain(more).map(link).collect();
    json!({"_links": links})
}

/// `metrics/{name}` is called `metrics-name`.
fn name_of_link(page: &str) -> String {
    page.replace("/{", "-").replace('}', "").replace('/', "-")
}

/// `GET /actuator/metrics`.
pub fn metric_names(families: &[MetricFamily]) -> Value {
    let names: BTreeSet<String> = families.iter().map(|family| dotted(family.name())).collect();
    json!({"names": names})
}

fn dotted(name: &str) -> String {
    let short = name.strip_suffix("_total").unwrap_or(name);
    short.strip_suffix("_seconds").unwrap_or(short).replace('_', ".")
}

/// `GET /actuator/metrics/{name}?tag=KEY:VALUE&tag=…`.
///
/// # Errors
/// 404 if there is no such metric, or none with these tags; 400 for another parameter.
pub fn asked_metric(families: &[MetricFamily], name: &str, query: Option<&str>) -> Result<Value, Problem> {
    let tags = query::pairs(query).map(|pair| match pair? {
        (key, text) if key == "tag" => tag(&text),
        (key, _) => Err(Problem::field(&key, "no such parameter")),
    });
    let tags = tags.collect::<Result<Vec<_>, _>>()?;
    let detail = "no such metric here, or none with these tags; /actuator/metrics lists the names";
    metric(families, name, &tags).ok_or_else(|| Problem::new(Code::NotFound, detail))
}

fn metric(families: &[MetricFamily], name: &str, tags: &[(String, String)]) -> Option<Value> {
    let family = families.iter().find(|family| family.name() == name || dotted(family.name()) == name)?;
    let all = family.get_metric();
    let matching: Vec<&Metric> = all.iter().filter(|metric| tags.iter().all(|tag| has(metric, tag))).collect();
    if matching.is_empty() {
        return None;
    }
    let mut shown = json!({
        "name": dotted(family.name()),
        "description": family.help(),
        "baseUnit": unit(family.name()),
        "measurements": measurements(family.get_field_type(), &matching),
        "availableTags": available(&matching, tags),
    });
    if let Some(ratio) = hit_ratio(&matching) {
        // The runbook uses one name, readers of Spring's JSON the other.
        shown["hit_ratio"] = ratio.into();
        shown["hitRatio"] = ratio.into();
    }
    Some(shown)
}

/// Reads one `tag=` parameter.
fn tag(text: &str) -> Result<(String, String), Problem> {
    let pair = text.split_once(':').filter(|(key, _)| !key.is_empty());
    let (key, value) = pair.ok_or_else(|| Problem::field("tag", "KEY:VALUE, such as result:hit"))?;
    Ok((key.to_owned(), value.to_owned()))
}

fn has(metric: &Metric, (key, value): &(String, String)) -> bool {
    metric.get_label().iter().any(|label| label.name() == key && label.value() == value)
}

fn unit(name: &str) -> Option<&'static str> {
    let short = name.strip_suffix("_total").unwrap_or(name);
    [("_seconds", "seconds"), ("_bytes", "bytes")].iter().find(|(end, _)| short.ends_with(end)).map(|(_, unit)| *unit)
}

/// Spring's MAX is left out, because a Prometheus histogram does not have it.
fn measurements(kind: MetricType, metrics: &[&Metric]) -> Value {
    let sum = |value: fn(&Metric) -> f64| metrics.iter().map(|metric| value(metric)).sum::<f64>();
    match kind {
        MetricType::COUNTER => json!([{"statistic": "COUNT", "value": sum(|metric| metric.get_counter().get_value())}]),
        MetricType::HISTOGRAM => json!([
            {"statistic": "COUNT", "value": sum(|metric| metric.get_histogram().get_sample_count() as f64)},
            {"statistic": "TOTAL_TIME", "value": sum(|metric| metric.get_histogram().get_sample_sum())},
        ]),
        _ => json!([{"statistic": "VALUE", "value": sum(|metric| metric.get_gauge().get_value())}]),
    }
}

/// Tags that can still be chosen, each with its values.
fn available(metrics: &[&Metric], chosen: &[(String, String)]) -> Value {
    let mut tags = BTreeMap::<&str, BTreeSet<&str>>::new();
    for label in metrics.iter().flat_map(|metric| metric.get_label()) {
        if !chosen.iter().any(|(key, _)| key == label.name()) {
            tags.entry(label.name()).or_default().insert(label.value());
        }
    }
    tags.into_iter().map(|(tag, values)| json!({"tag": tag, "values": values})).collect()
}

/// Hits over hits and misses, where the metric counts both under `result`.
fn hit_ratio(metrics: &[&Metric]) -> Option<f64> {
    let count = |result: &str| {
        let wanted = ("result".to_owned(), result.to_owned());
        let found: Vec<_> = metrics.iter().filter(|metric| has(metric, &wanted)).collect();
        (!found.is_empty()).then(|| found.iter().map(|metric| metric.get_counter().get_value()).sum::<f64>())
    };
    let (hits, misses) = (count("hit")?, count("miss")?);
    Some(if hits + misses > 0.0 { hits / (hits + misses) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use prometheus::{HistogramOpts, IntCounterVec, Opts, Registry};

    use super::*;

    fn families() -> Vec<MetricFamily> {
        let registry = Registry::new();
        let gets = IntCounterVec::new(Opts::new("cache_gets_total", "Gets."), &["cache", "result"]).unwrap();
        gets.with_label_values(&["l1", "hit"]).inc_by(6);
        gets.with_label_values(&["l1", "miss"]).inc_by(2);
        gets.with_label_values(&["l2", "miss"]).inc_by(4);
        let took = prometheus::Histogram::with_opts(HistogramOpts::new("write_duration_seconds", "Time.")).unwrap();
        took.observe(0.5);
        registry.register(Box::new(gets)).unwrap();
        registry.register(Box::new(took)).unwrap();
        registry.gather()
    }

    #[test]
    fn a_metric_is_shown_as_spring_shows_it() {
        let families = families();
        assert_eq!(metric_names(&families), json!({"names": ["cache.gets", "write.duration"]}));
        let gets = metric(&families, "cache.gets", &[]).unwrap();
        assert_eq!(gets["measurements"], json!([{"statistic": "COUNT", "value": 12.0}]));
        assert_eq!((&gets["hit_ratio"], &gets["hitRatio"]), (&json!(0.5), &json!(0.5)));
        assert_eq!(gets["availableTags"][0], json!({"tag": "cache", "values": ["l1", "l2"]}));
        let l1 = metric(&families, "cache.gets", &[tag("cache:l1").unwrap()]).unwrap();
        assert_eq!((&l1["measurements"][0]["value"], &l1["hitRatio"]), (&json!(8.0), &json!(0.75)));
        let took = metric(&families, "write.duration", &[]).unwrap();
        assert_eq!((&took["baseUnit"], &took["measurements"][1]["value"]), (&json!("seconds"), &json!(0.5)));
        assert!(metric(&families, "cache.gets", &[tag("cache:l9").unwrap()]).is_none());
        assert!(metric(&families, "nothing", &[]).is_none() && tag("l1").is_err());
    }

    #[test]
    fn a_logger_follows_the_nearest_above_it() {
        let levels = [("ROOT", "INFO"), ("onhand_edge", "DEBUG")];
        let levels = levels.map(|(name, level)| (name.to_owned(), level.to_owned())).into();
        assert_eq!(level(&levels, "onhand_edge::feed"), json!({"configuredLevel": null, "effectiveLevel": "DEBUG"}));
        assert_eq!(level(&levels, "onhand_edges")["effectiveLevel"], "INFO");
        assert_eq!(level(&levels, "ROOT"), json!({"configuredLevel": "INFO", "effectiveLevel": "INFO"}));
    }
}
