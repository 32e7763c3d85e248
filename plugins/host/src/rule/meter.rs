//! Metrics of all rules.

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::world::{World, fault::Reason};

pub(crate) struct Meter {
    calls: IntCounterVec,
    failures: IntCounterVec,
    duration: HistogramVec,
    memory: IntGaugeVec,
    shadows: IntCounterVec,
    taken_out: IntCounterVec,
    load_failures: IntCounter,
    running: IntGaugeVec,
}

/// One rule's handles, kept because looking up a label takes a lock.
pub(crate) struct RuleMeter {
    pub(crate) calls: IntCounter,
    pub(crate) duration: Histogram,
    /// The most memory that a call used.
    pub(crate) memory: IntGauge,
    failures: IntCounterVec,
    shadows: IntCounterVec,
}

/// Seconds: from a trivial guest to past the default deadlines.
pub(crate) const BUCKETS: [f64; 12] =
    [5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 50e-3];

impl Meter {
    pub(crate) fn new() -> Self {
        let counter = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauge = |name, help, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let duration = HistogramOpts::new("rules_call_duration_seconds", "Time of a call to a rule, checks included.");
        let valid = "the names are constant and valid";
        Self {
            calls: counter("rules_calls_total", "Calls to rules.", &["rule", "world"]).expect(valid),
            failures: counter("rules_failures_total", "Calls that gave no answer.", &["rule", "reason"]).expect(valid),
            duration: HistogramVec::new(duration.buckets(BUCKETS.to_vec()), &["rule"]).expect(valid),
            memory: gauge("rules_memory_peak_bytes", "Most memory that a call to the rule had.", &["rule"])
                .expect(valid),
            shadows: counter(
                "rules_shadow_total",
                "Calls to shadows, by how their answers compare.",
                &["rule", "outcome"],
            )
            .expect(valid),
            taken_out: counter("rules_taken_out_total", "Releases taken out for failing too often.", &["rule"])
                .expect(valid),
            load_failures: IntCounter::new("rules_load_failures_total", "Releases that could not be loaded.")
                .expect(valid),
            running: gauge("rules_releases", "Releases that are in use, by stage.", &["rule", "stage"]).expect(valid),
        }
    }

    /// Its series stand on the page from the start: a rate needs a value before the first event.
    pub(crate) fn of(&self, rule: &str, world: World) -> RuleMeter {
        self.taken_out.with_label_values(&[rule]);
        for reason in [Reason::Deadline, Reason::Memory, Reason::Trap, Reason::Refused] {
            self.failures.with_label_values(&[rule, reason.as_str()]);
        }
        RuleMeter {
            calls: self.calls.with_label_values(&[rule, world.as_str()]),
            duration: self.duration.with_label_values(&[rule]),
            memory: self.memory.with_label_values(&[rule]),
            failures: self.failures.clone(),
            shadows: self.shadows.clone(),
        }
    }

    pub(crate) fn taken_out(&self, rule: &str) {
        self.taken_out.with_label_values(&[rule]).inc();
    }

    pub(crate) fn load_failed(&self) {
        self.load_failures.inc();
    }

    /// Which stages of which rules are in use now.
    pub(crate) fn running<'a>(&self, releases: impl Iterator<Item = (&'a str, &'static str)>) {
        self.running.reset();
        releases.for_each(|(rule, stage)| self.running.with_label_values(&[rule, stage]).inc());
    }

    pub(crate) fn failed(&self, rule: &str, reason: &Reason) {
        self.failures.with_label_values(&[rule, reason.as_str()]).inc();
    }

    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.calls.clone()))?;
        registry.register(Box::new(self.failures.clone()))?;
        registry.register(Box::new(self.duration.clone()))?;
        registry.register(Box::new(self.memory.clone()))?;
        registry.register(Box::new(self.shadows.clone()))?;
        registry.register(Box::new(self.taken_out.clone()))?;
        registry.register(Box::new(self.load_failures.clone()))?;
        registry.register(Box::new(self.running.clone()))
    }
}

impl RuleMeter {
    pub(crate) fn failed(&self, rule: &str, reason: &Reason) {
        self.failures.with_label_values(&[rule, reason.as_str()]).inc();
    }

    pub(crate) fn shadowed(&self, rule: &str, outcome: &str) {
        self.shadows.with_label_values(&[rule, outcome]).inc();
    }
}
