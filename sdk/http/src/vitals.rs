//! What every process shows of itself, whatever it does: processor time, memory and open files, which build runs with
//! which configuration, and the calls that it answered.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use http::Method;
use prometheus::{
    IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Adds the numbers of this process to its page. `process`: `edge` or `origin`.
pub fn register(registry: &Registry, process: &str, version: &str, fingerprint: &str) -> prometheus::Result<()> {
    #[cfg(target_os = "linux")]
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    registry.register(Box::new(LostLines::new()?))?;
    let infos = [
        ("onhand_build_info", "Always 1; the build is in the labels.", "version", version),
        (
            "onhand_configuration_info",
            "Always 1; the configuration's fingerprint, its secrets left out, is in the labels.",
            "fingerprint",
            fingerprint,
        ),
    ];
    for (name, help, label, value) in infos {
        let info =
            IntGauge::with_opts(Opts::new(name, help).const_label("process", process).const_label(label, value))?;
        info.set(1);
        registry.register(Box::new(info))?;
    }
    Ok(())
}

static LOST: AtomicU64 = AtomicU64::new(0);

/// A line of the log could not be written, or found no room in its queue.
pub fn log_line_lost() {
    LOST.fetch_add(1, Ordering::Relaxed);
}

pub fn log_lines_lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Reads the count whenever the page is asked for: it is the process's, not a registry's.
struct LostLines(Desc);

impl LostLines {
    fn new() -> prometheus::Result<Self> {
        let help = "Lines of the log that were not written: whoever reads them is slow, stands still or is gone";
        Ok(Self(Desc::new("onhand_log_lines_lost_total".to_owned(), help.to_owned(), vec![], HashMap::new())?))
    }
}

impl Collector for LostLines {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let counter = IntCounter::new(self.0.fq_name.clone(), self.0.help.clone()).expect("the name is a constant");
        counter.inc_by(log_lines_lost());
        counter.collect()
    }
}

/// Tells two configurations apart; secrets are left out, so it may be shown.
pub fn fingerprint(configuration: &impl Serialize) -> String {
    let text = serde_json::to_string(configuration).expect("plain data encodes");
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The label of a call that no route has, or that was refused before its route was looked for.
pub const NO_ROUTE: &str = "none";

/// Calls by route, method and status. All three are bounded: a route is one that the router has, never a path.
#[derive(Clone)]
pub struct Calls(IntCounterVec);

impl Calls {
    pub fn new(registry: &Registry, name: &str) -> prometheus::Result<Self> {
        let opts = Opts::new(name, "Calls answered, by route (none: no such route), method and status");
        let calls = IntCounterVec::new(opts, &["route", "method", "status"])?;
        registry.register(Box::new(calls.clone()))?;
        Ok(Self(calls))
    }

    pub fn answered(&self, route: &str, method: &Method, status: u16) {
        self.of(route, method, status).inc();
    }

    /// Kept by those who answer millions of one kind.
    pub fn of(&self, route: &str, method: &Method, status: u16) -> IntCounter {
        self.0.with_label_values(&[route, word(method), &status.to_string()])
    }
}

/// A method as a label: a caller may make up others.
pub fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_methods_are_one_series() {
        let registry = Registry::new();
        let calls = Calls::new(&registry, "calls_total").unwrap();
        for n in 0..100 {
            calls.answered("/a", &Method::from_bytes(format!("M{n}").as_bytes()).unwrap(), 405);
        }
        let families = registry.gather();
        assert_eq!(families[0].get_metric().len(), 1);
        assert_eq!(families[0].get_metric()[0].get_counter().get_value(), 100.0);
    }

    #[test]
    fn a_page_says_which_build_runs_with_what() {
        let registry = Registry::new();
        register(&registry, "edge", "1.2.3", &fingerprint(&"a")).unwrap();
        let names: Vec<String> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
        for name in ["onhand_build_info", "onhand_configuration_info", "process_open_fds", "process_cpu_seconds_total"]
        {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        assert_ne!(fingerprint(&"a"), fingerprint(&"b"));
    }
}
