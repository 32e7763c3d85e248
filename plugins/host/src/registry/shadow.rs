//! Shadows: releases that run beside the one in use, and whose answers are compared but never used. They run on a thread
//! of their own, behind a short queue, so that no caller waits for one.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, SyncSender},
    },
    thread,
};

use crate::{
    registry::in_force::InForce,
    rule::running::Rule,
    world::{
        call::{RuleAnswer, RuleCall, RuleInput},
        captured::CapturedFault,
    },
};

/// How many calls may wait for a shadow; further calls are not compared, and are counted as dropped.
const WAITING: usize = 256;

pub(crate) struct Shadows(SyncSender<ShadowCall>);

/// A call that the release in use has answered, and that the shadow is to answer too.
struct ShadowCall {
    rule: Arc<Rule>,
    input: RuleInput,
    /// `None` if the release in use failed.
    answer: Option<RuleAnswer>,
}

impl Shadows {
    /// Starts the thread, which ends with these shadows.
    pub(crate) fn start(in_force: &Arc<InForce>) -> io::Result<Self> {
        let (send, receive) = mpsc::sync_channel::<ShadowCall>(WAITING);
        let in_force = Arc::downgrade(in_force);
        let run = move || {
            for job in receive {
                let rule = job.rule.clone();
                if job.run()
                    && let Some(in_force) = in_force.upgrade()
                {
                    in_force.take_out(&rule);
                }
            }
        };
        thread::Builder::new().name("rules-shadow".into()).spawn(run)?;
        Ok(Self(send))
    }

    pub(crate) fn ask(&self, rule: &Arc<Rule>, asked: RuleCall<'_>, answer: Option<&RuleAnswer>) {
        let job = ShadowCall { rule: rule.clone(), input: asked.to_owned(), answer: answer.cloned() };
        if self.0.try_send(job).is_err() {
            rule.compared("dropped");
        }
    }
}

impl ShadowCall {
    /// Asks the shadow and compares; returns true if it has now failed too often.
    fn run(self) -> bool {
        let Self { rule, input, answer } = self;
        let (own, too_often) = rule.shadow(input.as_call());
        match (&own, &answer) {
            (Ok(own), Some(answer)) if own == answer => rule.compared("same"),
            (Ok(own), _) => {
                rule.compared("different");
                rule.differs(&input, own, answer.as_ref());
            }
            (Err(failure), _) => {
                rule.compared("failed");
                let (reason, detail) = (failure.reason.to_string(), failure.detail.clone());
                rule.keep(input.as_call(), None, Some(CapturedFault { reason, detail }));
            }
        }
        too_often
    }
}

impl Rule {
    fn compared(&self, outcome: &'static str) {
        self.statistics.compared(outcome);
        self.meter.shadowed(&self.name, outcome);
    }

    fn differs(&self, input: &RuleInput, own: &RuleAnswer, answer: Option<&RuleAnswer>) {
        let json = |answer: &RuleAnswer| serde_json::to_string(answer).unwrap_or_default();
        if let Some(held_back) = self.said_differences() {
            let (rule, input) = (&self.name, input.digest());
            let (shadow, full) = (json(own), answer.map(json));
            tracing::info!(rule, input, shadow, full, held_back, "a shadow answers differently");
        }
        self.keep(input.as_call(), Some(own), None);
    }
}
