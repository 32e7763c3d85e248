//! One release of a rule: a call from its store to its accounts.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Answer, Captured, Fixture, Verbatim, World,
    call::Asked,
    fault::{Failure, Fault},
    fixture::CapturedFault,
    meter::{RuleMeter, Throttle},
    record::{Record, Tolerance},
    release::Linkage,
    samples::Samples,
    sandbox::{Limits, Sandbox, Ticks},
    signature::Seal,
    state::Level,
};

pub(crate) type Settings = Arc<BTreeMap<String, String>>;

pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) release: Release,
    pub(crate) linkage: Linkage,
    pub(crate) settings: Settings,
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) limits: Limits,
    /// Whether the caller is to be refused when the rule fails.
    pub(crate) refuse: bool,
    pub(crate) tolerance: Tolerance,
    pub(crate) meter: RuleMeter,
    pub(crate) record: Record,
    pub(crate) samples: Option<Samples>,
    pub(crate) said: Said,
}

/// What was loaded.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// SHA-256 over the component and all that stands beside it: any change is another release.
    pub(crate) identity: String,
    /// SHA-256 of the component, in hex.
    pub(crate) component: String,
    /// None: it is not signed, and need not be.
    pub(crate) seal: Option<Seal>,
    /// How many fixtures it was tried on.
    pub(crate) fixtures: usize,
}

/// What of a rule gets into the log.
pub(crate) struct Said {
    faults: Throttle,
    lines: Throttle,
    samples: Throttle,
    differences: Throttle,
}

impl Said {
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

/// What came of a call, and whether its rule has failed once too often by it.
pub(crate) struct Called {
    pub(crate) answer: Result<Answer, Fault>,
    pub(crate) too_often: bool,
}

impl Rule {
    pub(crate) fn world(&self) -> World {
        self.linkage.linked.world()
    }

    /// A call whose answer counts.
    pub(crate) fn run(&self, asked: Asked<'_>) -> Called {
        self.meter.calls.inc();
        let start = Instant::now();
        let (answer, memory) = self.attempt(asked);
        let time = start.elapsed();
        self.meter.duration.observe(time.as_secs_f64());
        self.record.took(time, memory);
        self.meter.memory.set(i64::try_from(self.record.peak()).unwrap_or(i64::MAX));
        match answer {
            Ok(answer) => Called { answer: Ok(answer), too_often: false },
            Err(failure) => {
                let too_often = self.record.failed(&failure, self.tolerance);
                self.meter.failed(&self.name, &failure.reason);
                Called { answer: Err(self.fault(asked, failure)), too_often }
            }
        }
    }

    /// A call beside the one whose answer counts.
    pub(crate) fn shadow(&self, asked: Asked<'_>) -> (Result<Answer, Failure>, bool) {
        let start = Instant::now();
        let (answer, memory) = self.attempt(asked);
        self.record.took(start.elapsed(), memory);
        let too_often = answer.as_ref().err().is_some_and(|failure| self.record.failed(failure, self.tolerance));
        (answer, too_often)
    }

    /// A call before the release is in use: by the fixture's settings, and with time enough to tell a wrong
    /// answer from a slow machine.
    pub(crate) fn try_on(&self, fixture: &Fixture) -> Option<String> {
        let limits = Limits { deadline: self.limits.deadline.max(Ticks::of(PATIENCE)), ..self.limits };
        let (answer, _) = self.call(fixture.input.asked(), &Arc::new(fixture.config.clone()), limits);
        fixture.differs(&answer)
    }

    fn attempt(&self, asked: Asked<'_>) -> (Result<Answer, Failure>, usize) {
        if let Err(failure) = asked.fits() {
            return (Err(failure), 0);
        }
        self.call(asked, &self.settings, self.limits)
    }

    pub(crate) fn call(
        &self,
        asked: Asked<'_>,
        settings: &Settings,
        limits: Limits,
    ) -> (Result<Answer, Failure>, usize) {
        let mut store = self.sandbox.store(settings, limits, asked.at());
        let answer = asked.put(&self.linkage.linked, &mut store);
        let lines = std::mem::take(&mut store.data_mut().log);
        if !lines.is_empty() && self.said.lines.pass().is_some() {
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

    fn fault(&self, asked: Asked<'_>, failure: Failure) -> Fault {
        let fault = Fault { refuse: self.refuse, ..failure.of(&self.name) };
        if let Some(held_back) = self.said.faults.pass() {
            let (rule, reason, detail) = (&fault.rule, fault.reason.as_str(), &fault.detail);
            let (input, component) = (asked.digest(), &self.release.component);
            let does = if self.refuse { "the caller is refused" } else { "the built-in behaviour is used" };
            tracing::warn!(rule, reason, detail, input, component, held_back, "a rule failed; {does}");
        }
        if self.samples.is_some() {
            let told = CapturedFault { reason: fault.reason.to_string(), detail: fault.detail.clone() };
            self.keep(asked, None, Some(told));
        }
        fault
    }

    /// Among the samples, at most one a second.
    pub(crate) fn keep(&self, asked: Asked<'_>, answer: Option<&Answer>, fault: Option<CapturedFault>) {
        if let Some(samples) = &self.samples
            && self.said.samples.pass().is_some()
        {
            samples.keep(self.captured(asked, answer, fault).with_digest());
        }
    }

    /// As for faults: how many differences were held back.
    pub(crate) fn said_differences(&self) -> Option<u64> {
        self.said.differences.pass()
    }

    pub(crate) fn captured(&self, asked: Asked<'_>, answer: Option<&Answer>, fault: Option<CapturedFault>) -> Captured {
        Captured {
            world: asked.world(),
            rule: self.name.clone(),
            component: self.release.component.clone(),
            digest: None,
            config: self.settings.as_ref().clone(),
            // What was too large to be asked is too large to be kept.
            input: asked.fits().map_or_else(|_| Verbatim::of(&()), |()| Verbatim::of(&asked)),
            answer: answer.map(Verbatim::of),
            fault,
        }
    }
}

/// What a fixture's call may take at least.
const PATIENCE: onhand_wire::setting::Span = onhand_wire::setting::Span::s(1);
