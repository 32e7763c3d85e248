//! Releases that run beside the one in use: their answers are compared and never used. On a thread of their
//! own, behind a short queue: no caller waits for a shadow.

use std::{
    io,
    sync::{
        Arc, Weak,
        mpsc::{self, SyncSender},
    },
    thread,
};

use crate::{Answer, Input, call::Asked, fixture::CapturedFault, rule::Rule, shared::Shared};

/// Calls that wait for a shadow; beyond, they are not compared, and counted as dropped.
const WAITING: usize = 256;

pub(crate) struct Shadows(SyncSender<Job>);

struct Job {
    shared: Weak<Shared>,
    rule: Arc<Rule>,
    input: Input,
    /// None: the release in use failed.
    answer: Option<Answer>,
}

impl Shadows {
    pub(crate) fn start() -> io::Result<Self> {
        let (send, receive) = mpsc::sync_channel::<Job>(WAITING);
        thread::Builder::new().name("rules-shadow".into()).spawn(move || receive.iter().for_each(|job| job.run()))?;
        Ok(Self(send))
    }

    pub(crate) fn ask(&self, shared: &Arc<Shared>, rule: &Arc<Rule>, asked: Asked<'_>, answer: Option<&Answer>) {
        let job = Job {
            shared: Arc::downgrade(shared),
            rule: rule.clone(),
            input: asked.to_owned(),
            answer: answer.cloned(),
        };
        if self.0.try_send(job).is_err() {
            rule.compared("dropped");
        }
    }
}

impl Job {
    fn run(self) {
        let Self { shared, rule, input, answer } = self;
        let (own, too_often) = rule.shadow(input.asked());
        match (&own, &answer) {
            (Ok(own), Some(answer)) if own == answer => rule.compared("same"),
            (Ok(own), _) => {
                rule.compared("different");
                rule.differs(&input, own, answer.as_ref());
            }
            (Err(failure), _) => {
                rule.compared("failed");
                let (reason, detail) = (failure.reason.to_string(), failure.detail.clone());
                rule.keep(input.asked(), None, Some(CapturedFault { reason, detail }));
            }
        }
        if too_often && let Some(shared) = shared.upgrade() {
            shared.take_out(&rule);
        }
    }
}

impl Rule {
    fn compared(&self, outcome: &'static str) {
        self.record.compared(outcome);
        self.meter.shadowed(&self.name, outcome);
    }

    fn differs(&self, input: &Input, own: &Answer, answer: Option<&Answer>) {
        let json = |answer: &Answer| serde_json::to_string(answer).unwrap_or_default();
        if let Some(held_back) = self.said_differences() {
            let (rule, input) = (&self.name, input.digest());
            let (shadow, full) = (json(own), answer.map(json));
            tracing::info!(rule, input, shadow, full, held_back, "a shadow answers differently");
        }
        self.keep(input.asked(), Some(own), None);
    }
}
