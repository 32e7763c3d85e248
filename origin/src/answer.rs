//! The answers to callers, and what an idempotency key keeps: the only place where outcomes become statuses and JSON.
//!
//! Each command of a batch is decided in turn and its answer encoded, so that a later command with the same key gets
//! that answer again. Kept answers must be readable for as long as keys are kept, so their form never changes.

mod effect;
mod rejection;
mod trail;
mod trouble;

use onhand_rules::Rules;
use onhand_wire::{Code, Problem, Stock, Timestamp};

pub(crate) use self::effect::shown_fact;
use crate::{
    command::Ask,
    decide::{Done, decide, release_dead},
    key::DIGEST_FORM,
    state::{BatchState, Kept},
};

/// What the caller of a write gets.
#[derive(Debug, Clone)]
pub struct WriteAnswer {
    pub status: u16,
    /// JSON.
    pub body: String,
    pub replayed: bool,
    /// Read after the commit.
    pub committed_at: Timestamp,
    /// The facts and items that it changed, as they are now.
    pub stocks: Vec<Stock>,
}

pub type WriteOutcome = Result<WriteAnswer, Problem>;

/// Decides and answers every command in turn. The answers' `committed_at` is filled in after the commit.
pub fn answer_all(state: &mut BatchState, asks: &[&Ask], rules: &Rules) -> Vec<WriteOutcome> {
    release_dead(state);
    asks.iter().map(|ask| answer_once(state, ask, rules)).collect()
}

/// A known key gets its first answer again.
fn answer_once(state: &mut BatchState, ask: &Ask, rules: &Rules) -> WriteOutcome {
    let key = ask.kept_under();
    if let Some(kept) = state.kept.get(&key) {
        return replay(kept, ask);
    }
    let outcome = match decide(state, ask, rules) {
        Ok(done) => Ok(answer(state, ask, done)),
        Err(rejection) => Err(Problem::from(rejection)),
    };
    if let Some(kept) = keep(&outcome, ask) {
        state.changes.kept.insert(key.clone(), kept.clone());
        state.kept.insert(key, kept);
    }
    outcome
}

fn answer(state: &mut BatchState, ask: &Ask, done: Done) -> WriteAnswer {
    let Done { effect, stocks } = done;
    let (status, body) = effect::encode(&effect);
    state.changes.trail.extend(trail::line(ask, &effect, &body));
    WriteAnswer { status, body, replayed: false, committed_at: state.now, stocks }
}

fn replay(kept: &Kept, ask: &Ask) -> WriteOutcome {
    if !ask.digest.is(&kept.digest, kept.form) {
        let detail = "Idempotency-Key: it was used for another call; use a new key for a new call";
        return Err(Problem::new(Code::IdempotencyKeyReused, detail));
    }
    // The time is that of its own commit: it must not acknowledge something that a lost standby never had.
    Ok(WriteAnswer {
        status: kept.status,
        body: kept.body.clone(),
        replayed: true,
        committed_at: Timestamp::default(),
        stocks: Vec::new(),
    })
}

/// Only successes and insufficient_stock are kept.
fn keep(outcome: &WriteOutcome, ask: &Ask) -> Option<Kept> {
    if ask.key.is_empty() {
        return None;
    }
    let (status, body) = match outcome {
        Ok(answer) => (answer.status, answer.body.clone()),
        Err(problem) if problem.code == Code::InsufficientStock => {
            (problem.status(), serde_json::to_string(&problem.body()).expect("plain data encodes"))
        }
        Err(_) => return None,
    };
    Some(Kept { digest: ask.digest.now, form: DIGEST_FORM, status, body })
}
