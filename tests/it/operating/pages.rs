//! docs/metrics.md is made from the pages of a running edge and origin, and compared with them.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use onhand_harness::{Client, eventually};
use serde_json::json;

use super::{read, repository};
use crate::dev::Dev;

/// One metric, as its page has it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Metric {
    kind: String,
    help: String,
    labels: Vec<String>,
}

/// `# HELP`, `# TYPE`, and the labels of the samples.
fn metrics(page: &str) -> BTreeMap<String, Metric> {
    let mut found = BTreeMap::<String, Metric>::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            found.entry(name.to_owned()).or_default().help = help.trim_end_matches('.').to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            found.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((sample, rest)) = line.split_once('{') {
            let name = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.strip_suffix(end)).unwrap_or(sample);
            let metric = found.get_mut(sample).map(|_| sample).unwrap_or(name);
            let labels =
                rest.split('"').step_by(2).filter_map(|part| part.trim_matches([',', '}', ' ']).strip_suffix('='));
            let labels = labels.map(str::to_owned).filter(|label| label != "le");
            let known = &mut found.get_mut(metric).unwrap_or_else(|| panic!("{metric} has no HELP")).labels;
            labels.for_each(|label| {
                if !known.contains(&label) {
                    known.push(label);
                }
            });
        }
    }
    found
}

const ABOUT: &str = "# Metrics\n\nMade from the pages of a running edge and origin by `tests/it/operating/pages.rs` \
(`ONHAND_GOLDEN=write` writes it anew); a metric that is missing here, or no longer on its page, fails that test.\n\n\
`GET /metrics` and `/actuator/prometheus` of each management listener show the same page in Prometheus' text format; \
`/actuator/metrics/{name}` shows one metric in Spring Actuator's JSON. Labels are bounded: a route is one that the \
router has, never a caller's path; a method that is none is `other`; a rule is one that is loaded; `item_id` is one of \
`metrics.watched_skus`. What the names of the inventory service's and the flash-sale engine's runbooks are made of \
stands in `deploy/prometheus/recorded.rules.yml`.\n\nNot there yet: metrics of failover, of the \
Kafka client (lag by partition), of row locks and of keys.\n";

fn document(pages: &[(&str, BTreeMap<String, Metric>)]) -> String {
    let mut text = ABOUT.to_owned();
    for (title, metrics) in pages {
        let _written = write!(text, "\n## {title}\n\n| metric | kind | labels | what it is |\n|---|---|---|---|\n");
        for (name, Metric { kind, help, labels }) in metrics {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            let _written = writeln!(text, "| `{name}` | {kind} | {} | {help} |", labels.join(", "));
        }
    }
    text
}

/// A rule is loaded, so that its metrics show, and one SKU is watched.
async fn watched() -> Dev {
    let rules = tempfile::tempdir().unwrap();
    let built = repository().join("target/plugins/nearest-allocation.wasm");
    assert!(Path::new(&built).exists(), "{} is missing; `make rules` builds it", built.display());
    std::fs::copy(&built, rules.path().join("nearest-allocation.wasm")).unwrap();
    let config = rules.path().join("onhand.toml");
    std::fs::write(&config, "[metrics]\nwatched_skus = [\"22423\"]\n").unwrap();
    let dir = rules.path().to_str().unwrap();
    let dev = Dev::start(&["--rules", dir, "--config", config.to_str().unwrap()]).await;
    let origin = Client::at(&dev.management[1], None);
    eventually!(origin.get("/metrics").await.text().contains("processor_inventory_level{item_id=\"22423\"}"));
    dev
}

async fn page(url: &str) -> String {
    Client::at(url, None).get("/metrics").await.expect(200).text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_documented_and_there() {
    let dev = watched().await;
    let shop = Client::at(&dev.edge, dev.tokens["storefront"].as_str());
    shop.get("/v1/availability/22423").await.expect(200);
    shop.post("/v1/reservations", json!({"lines": [{"sku": "22423", "quantity": 1}]})).await.expect(201);
    let [edge, origin] = &dev.management;
    // Twice: a page shows the calls that were answered before it.
    page(edge).await;
    page(origin).await;
    let (edge, origin) = (metrics(&page(edge).await), metrics(&page(origin).await));
    let shared =
        |name: &String| name.starts_with("process_") || name.starts_with("rules_") || name.starts_with("onhand_");
    let of = |page: &BTreeMap<String, Metric>, both: bool| {
        page.iter()
            .filter(|(name, _)| shared(name) == both)
            .map(|(name, metric)| (name.clone(), metric.clone()))
            .collect()
    };
    let (both, other): (BTreeMap<_, _>, BTreeMap<_, _>) = (of(&edge, true), of(&origin, true));
    assert_eq!(both.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "what both have");
    let made = document(&[("Both processes", both), ("Edge", of(&edge, false)), ("Origin", of(&origin, false))]);
    for text in [&edge, &origin] {
        let unsaid: Vec<_> = text.iter().filter(|(_, metric)| metric.help.is_empty()).collect();
        assert!(unsaid.is_empty(), "{unsaid:?}");
    }
    let path = "docs/metrics.md";
    if std::env::var("ONHAND_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(repository().join(path), &made).unwrap();
    }
    let differing: Vec<&str> = made.lines().filter(|line| !read(path).contains(*line)).collect();
    assert_eq!(read(path), made, "ONHAND_GOLDEN=write writes docs/metrics.md anew; new or changed: {differing:#?}");
}

/// What a caller makes up becomes no series.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_are_bounded_whatever_is_called() {
    let dev = Dev::start(&[]).await;
    let series = async || {
        let pages = [page(&dev.management[0]).await, page(&dev.management[1]).await];
        pages.map(|page| page.lines().filter(|line| !line.starts_with('#')).count())
    };
    let flood = async |from: u32| {
        for n in from..from + 150 {
            for url in [&dev.edge, &dev.origin, &dev.management[0], &dev.management[1]] {
                let client = Client::at(url, Some(&format!("no.token.{n}")));
                client.get(&format!("/v1/availability/made-up-{n}")).await;
                client.get(&format!("/nowhere/{n}?n={n}")).await;
                client.call(format!("MADE{n}").parse().unwrap(), "/v1/reservations").send().await;
                client.get(&format!("/actuator/metrics/made.up.{n}")).await;
            }
        }
    };
    flood(0).await;
    // A page shows the calls before it: this one's shows in the next.
    series().await;
    let before = series().await;
    flood(1000).await;
    assert_eq!(series().await, before, "600 made-up names more");
    println!("{before:?} series after a flood");
}

/// Two processes of one build and another configuration are told apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn build_and_configuration_are_on_the_page() {
    let fingerprint =
        async |dev: &Dev| {
            let page = page(&dev.management[1]).await;
            assert!(page.contains(&format!(
                "onhand_build_info{{process=\"origin\",version=\"{}\"}} 1",
                env!("CARGO_PKG_VERSION")
            )));
            let line = page.lines().find(|line| line.starts_with("onhand_configuration_info{")).unwrap().to_owned();
            line.split("fingerprint=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&config, "[origin]\nwrite_timeout = \"7s\"\n").unwrap();
    let (one, other) = (Dev::start(&["--empty"]).await, {
        Dev::start(&["--empty", "--config", config.path().to_str().unwrap()]).await
    });
    assert_ne!(fingerprint(&one).await, fingerprint(&other).await);
}
