//! One rule in force: a call from its store to its accounts.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmtime::Store;

use crate::{
    INPUT_BYTES,
    fault::{Failure, Fault, Reason},
    meter::{Meter, RuleMeter, Throttle},
    sandbox::{Sandbox, Ticks},
    since_v0_1::Linked,
    state::{Level, State},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum World {
    View,
    Allocation,
    Ranking,
    Pricing,
}

impl World {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Allocation => "allocation",
            Self::Ranking => "ranking",
            Self::Pricing => "pricing",
        }
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) linked: Linked,
    pub(crate) settings: Arc<BTreeMap<String, String>>,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) deadline: Ticks,
    /// Whether the caller is to be refused when the rule fails.
    pub(crate) refuse: bool,
    pub(crate) meter: RuleMeter,
    pub(crate) said: Said,
}

/// What of a rule gets into the log.
pub(crate) struct Said {
    faults: Throttle,
    lines: Throttle,
}

impl Said {
    pub(crate) const fn new() -> Self {
        Self { faults: Throttle::new(Duration::from_secs(1)), lines: Throttle::new(Duration::from_millis(100)) }
    }
}

impl Rule {
    pub(crate) fn world(&self) -> World {
        match self.linked {
            Linked::View(_) => World::View,
            Linked::Allocation(_) => World::Allocation,
            Linked::Ranking(_) => World::Ranking,
            Linked::Pricing(_) => World::Pricing,
        }
    }

    /// `input` is needed whole only for its digest, should the call fail.
    pub(crate) fn run<T>(
        &self,
        meter: &Meter,
        input: &impl Serialize,
        bytes: usize,
        call: impl FnOnce(&mut Store<State>) -> Result<T, Failure>,
    ) -> Result<T, Fault> {
        let start = Instant::now();
        self.meter.calls.inc();
        let answer = if bytes > INPUT_BYTES {
            Err(Failure::new(Reason::TooLarge, format!("{bytes} bytes of input, of {INPUT_BYTES}")))
        } else {
            self.call(call)
        };
        self.meter.duration.observe(start.elapsed().as_secs_f64());
        answer.map_err(|failure| self.fault(meter, input, failure))
    }

    fn call<T>(&self, call: impl FnOnce(&mut Store<State>) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut store = self.sandbox.store(&self.settings, self.deadline);
        let answer = call(&mut store);
        let lines = std::mem::take(&mut store.data_mut().log);
        if !lines.is_empty() && self.said.lines.pass().is_some() {
            self.write(&lines);
        }
        answer
    }

    fn write(&self, lines: &[(Level, String)]) {
        let rule = self.name.as_str();
        for (level, text) in lines {
            match level {
                Level::Debug => tracing::debug!(rule, "{text}"),
                Level::Info => tracing::info!(rule, "{text}"),
                Level::Warn => tracing::warn!(rule, "{text}"),
                Level::Error => tracing::error!(rule, "{text}"),
            }
        }
    }

    fn fault(&self, meter: &Meter, input: &impl Serialize, failure: Failure) -> Fault {
        let fault = Fault { refuse: self.refuse, ..failure.of(&self.name) };
        meter.failed(&fault.rule, &fault.reason);
        if let Some(held_back) = self.said.faults.pass() {
            let (rule, reason, detail) = (&fault.rule, fault.reason.as_str(), &fault.detail);
            let input = digest(input);
            tracing::warn!(rule, reason, detail, input, held_back, refuse = self.refuse, "a rule failed; the built-in behaviour is used unless the rule's settings refuse");
        }
        fault
    }
}

/// SHA-256 of the input as JSON: the same input, asked again, can be recognised.
fn digest(input: &impl Serialize) -> String {
    let json = serde_json::to_vec(input).unwrap_or_default();
    Sha256::digest(&json).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
