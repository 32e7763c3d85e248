//! One release that takes calls: each call from its store to its statistics.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    release::signature::Seal,
    rule::{
        meter::RuleMeter,
        samples::Samples,
        statistics::{CallStatistics, Tolerance},
        throttle::Throttle,
    },
    sandbox::{
        call_state::Level,
        engine::{Limits, Sandbox, Ticks},
        link::Linkage,
    },
    world::{
        World,
        call::{RuleAnswer, RuleCall},
        captured::{CapturedCall, CapturedFault, Verbatim},
        fault::{Failure, Fault},
        fixture::Fixture,
    },
};

pub(crate) type Settings = Arc<BTreeMap<String, String>>;

pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) release: LoadedRelease,
    pub(crate) linkage: Linkage,
    pub(crate) settings: Settings,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) limits: Limits,
    /// Whether the caller is refused when the rule fails.
    pub(crate) refuse: bool,
    pub(crate) tolerance: Tolerance,
    pub(crate) meter: RuleMeter,
    pub(crate) statistics: CallStatistics,
    pub(crate) samples: Option<Samples>,
    pub(crate) throttles: LogThrottles,
}

/// Which release was loaded.
#[derive(Debug, Clone)]
pub(crate) struct LoadedRelease {
    /// SHA-256 over the component and the files beside it: if anything changes, it is another release.
    pub(crate) identity: String,
    /// SHA-256 of the component, in hex.
    pub(crate) component: String,
    /// `None` if it is not signed and need not be.
    pub(crate) seal: Option<Seal>,
    /// How many fixtures it was run on.
    pub(crate) fixtures: usize,
}

/// Keeps one rule from flooding the log and the samples.
pub(crate) struct LogThrottles {
    faults: Throttle,
    lines: Throttle,
    samples: Throttle,
    differences: Throttle,
}

impl LogThrottles {
    pub(crate) const fn new() -> Self {
        const SECOND: Duration = Duration::from_secs(1);
        Self {
            faults: Throttle::new(SECOND),
            lines: Throttle::new(Duration::from_millis(100)),
            samples: Throttle::new(SECOND),
            differences: Throttle::new(SECOND),
        }
    }
}

/// The answer of a call, and whether the rule has now failed too often.
pub(crate) struct CallOutcome {
    pub(crate) answer: Result<RuleAnswer, Fault>,
    pub(crate) too_often: bool,
}

impl Rule {
    pub(crate) fn world(&self) -> World {
        self.linkage.linked.world()
    }

    /// A call whose answer is used.
    pub(crate) fn run(&self, asked: RuleCall<'_>) -> CallOutcome {
        self.meter.calls.inc();
        let start = Instant::now();
        let (answer, memory) = self.attempt(asked);
        let time = start.elapsed();
        self.meter.duration.observe(time.as_secs_f64());
        self.statistics.took(time, memory);
        self.meter.memory.set(i64::try_from(self.statistics.peak()).unwrap_or(i64::MAX));
        match answer {
            Ok(answer) => CallOutcome { answer: Ok(answer), too_often: false },
            Err(failure) => {
                let too_often = self.statistics.failed(&failure, self.tolerance);
                self.meter.failed(&self.name, &failure.reason);
                CallOutcome { answer: Err(self.fault(asked, failure)), too_often }
            }
        }
    }

    /// A call whose answer is only compared.
    pub(crate) fn shadow(&self, asked: RuleCall<'_>) -> (Result<RuleAnswer, Failure>, bool) {
        let start = Instant::now();
        let (answer, memory) = self.attempt(asked);
        self.statistics.took(start.elapsed(), memory);
        let too_often = answer.as_ref().err().is_some_and(|failure| self.statistics.failed(failure, self.tolerance));
        (answer, too_often)
    }

    /// A call before the release is in use: with the fixture's settings, and with enough time to tell a wrong answer
    /// from a slow machine.
    pub(crate) fn try_on(&self, fixture: &Fixture) -> Option<String> {
        let limits = Limits { deadline: self.limits.deadline.max(Ticks::of(PATIENCE)), ..self.limits };
        let (answer, _) = self.call(fixture.input.as_call(), &Arc::new(fixture.config.clone()), limits);
        fixture.differs(&answer)
    }

    fn attempt(&self, asked: RuleCall<'_>) -> (Result<RuleAnswer, Failure>, usize) {
        if let Err(failure) = asked.fits() {
            return (Err(failure), 0);
        }
        self.call(asked, &self.settings, self.limits)
    }

    pub(crate) fn call(
        &self,
        asked: RuleCall<'_>,
        settings: &Settings,
        limits: Limits,
    ) -> (Result<RuleAnswer, Failure>, usize) {
        let mut store = self.sandbox.store(settings, limits, asked.at());
        let answer = self.linkage.linked.call(&mut store, asked);
        let lines = std::mem::take(&mut store.data_mut().log);
        if !lines.is_empty() && self.throttles.lines.pass().is_some() {
            self.write(&lines);
        }
        (answer, store.data().peak)
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

    fn fault(&self, asked: RuleCall<'_>, failure: Failure) -> Fault {
        let fault = Fault { refuse: self.refuse, ..failure.of(&self.name) };
        if let Some(held_back) = self.throttles.faults.pass() {
            let (rule, reason, detail) = (&fault.rule, fault.reason.as_str(), &fault.detail);
            let (input, component) = (asked.digest(), &self.release.component);
            let does = if self.refuse { "the caller is refused" } else { "the built-in behaviour is used" };
            tracing::warn!(rule, reason, detail, input, component, held_back, "a rule failed; {does}");
        }
        if self.samples.is_some() {
            let fault = CapturedFault { reason: fault.reason.to_string(), detail: fault.detail.clone() };
            self.keep(asked, None, Some(fault));
        }
        fault
    }

    /// Keeps a call among the samples, at most one a second.
    pub(crate) fn keep(&self, asked: RuleCall<'_>, answer: Option<&RuleAnswer>, fault: Option<CapturedFault>) {
        if let Some(samples) = &self.samples
            && self.throttles.samples.pass().is_some()
        {
            samples.keep(self.captured(asked, answer, fault).with_digest());
        }
    }

    /// Whether a difference may be logged now, and how many were held back since the last one.
    pub(crate) fn said_differences(&self) -> Option<u64> {
        self.throttles.differences.pass()
    }

    pub(crate) fn captured(
        &self,
        asked: RuleCall<'_>,
        answer: Option<&RuleAnswer>,
        fault: Option<CapturedFault>,
    ) -> CapturedCall {
        CapturedCall {
            world: asked.world(),
            rule: self.name.clone(),
            component: self.release.component.clone(),
            digest: None,
            config: self.settings.as_ref().clone(),
            // An input that was too large to be asked is too large to be kept.
            input: asked.fits().map_or_else(|_| Verbatim::of(&()), |()| Verbatim::of(&asked)),
            answer: answer.map(Verbatim::of),
            fault,
        }
    }
}

/// The least time that a fixture's call gets.
const PATIENCE: onhand_http::setting::Span = onhand_http::setting::Span::s(1);
