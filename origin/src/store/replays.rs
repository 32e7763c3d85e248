//! Replays of dead letters: jobs, worked on a step at a time. What a step does and how far the job is are one commit.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use onhand_wire::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::Result;
use crate::trail;

/// How far a replay is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayState {
    /// The first orders go, and the rest waits for what becomes of them.
    Canary,
    Running,
    Done,
    /// By an operator.
    Stopped,
    /// One of its first orders is a dead letter again.
    Halted,
}

impl ReplayState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Running => "running",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Halted => "halted",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        [Self::Canary, Self::Running, Self::Done, Self::Stopped, Self::Halted]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    pub fn is_over(self) -> bool {
        !matches!(self, Self::Canary | Self::Running)
    }
}

/// A replay that is to begin.
#[derive(Debug, Clone)]
pub struct NewReplay {
    pub id: Uuid,
    pub cause: Option<String>,
    /// Orders a second; without it, all at once.
    pub rate: Option<f64>,
    /// So many first; the rest only if none of them fails again.
    pub canary: Option<i32>,
    /// In this order.
    pub orders: Vec<Uuid>,
    /// Asked for as well, and never tried again.
    pub hopeless: i32,
}

/// A replay as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ReplayRow {
    pub id: Uuid,
    pub state: ReplayState,
    pub actor: String,
    pub cause: Option<String>,
    /// Orders a second.
    pub rate: Option<f64>,
    pub canary: Option<i32>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// All that it is of, and what of that went back, waits for its turn (or for the void of its payment), and was
    /// decided meanwhile.
    pub orders: i64,
    pub replayed: i64,
    pub waiting: i64,
    pub left: i64,
    /// Asked for as well, and never tried again.
    pub hopeless: i32,
    /// What became of those that went back, by state.
    pub outcomes: BTreeMap<String, i64>,
}

/// What one step of a job may do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// Orders that may go back now.
    pub orders: usize,
    pub state: ReplayState,
    /// What is left of the job's credit if all of them go.
    pub credit: f64,
}

/// How a job stands before a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub rate: Option<f64>,
    pub canary: Option<i32>,
    pub state: ReplayState,
    pub credit: f64,
    /// Since the last step.
    pub since: Duration,
    /// Orders that wait for their turn; those that went back; those of them that are not decided yet; those that are
    /// dead letters again.
    pub waiting: i64,
    pub replayed: i64,
    pub open: i64,
    pub dead: i64,
}

/// A pause of everything, however long, lets no more go at once than a second's worth.
const MOST_SINCE: Duration = Duration::from_secs(1);
/// Orders of one step: they are locked for as long as its commit takes.
const STEP: usize = 500;

impl Standing {
    pub(crate) fn step(self) -> Step {
        let state = match self.state {
            ReplayState::Canary if self.waiting > 0 && self.replayed < self.most_first() => ReplayState::Canary,
            ReplayState::Canary if self.dead > 0 => ReplayState::Halted,
            ReplayState::Canary if self.open > 0 => ReplayState::Canary,
            ReplayState::Canary => ReplayState::Running,
            other => other,
        };
        let credit = self.rate.map_or(f64::INFINITY, |rate| {
            (self.credit + rate * self.since.min(MOST_SINCE).as_secs_f64()).min(rate.max(1.0))
        });
        let room = match state {
            ReplayState::Canary => usize::try_from(self.most_first() - self.replayed).unwrap_or_default(),
            ReplayState::Running => STEP,
            _ => 0,
        };
        // A cast of what is infinite or too much is the most that there is.
        let orders = room.min(STEP).min(credit as usize);
        Step { orders, state, credit }
    }

    fn most_first(&self) -> i64 {
        self.canary.map_or(0, i64::from)
    }
}

/// Functions that write do so in a transaction of their own.
#[async_trait]
pub trait Replays: Send + Sync {
    /// With its line in the trail.
    async fn begin_replay(&self, replay: &NewReplay, line: &trail::Line) -> Result<()>;
    /// One step of each replay that is not over; how many orders went back. `within`: how long each then has to be
    /// decided. Two at once take turns.
    async fn step_replays(&self, within: Duration) -> Result<usize>;
    async fn replay(&self, id: Uuid) -> Result<Option<ReplayRow>>;
    /// What has not gone back stays a dead letter. With its line in the trail, unless there is no such replay.
    async fn stop_replay(&self, id: Uuid, line: &trail::Line) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: Standing = Standing {
        rate: Some(10.0),
        canary: None,
        state: ReplayState::Running,
        credit: 0.0,
        since: Duration::from_millis(250),
        waiting: 600,
        replayed: 0,
        open: 0,
        dead: 0,
    };

    #[test]
    fn a_rate_is_kept_after_however_long_a_pause() {
        let step = RUNNING.step();
        assert_eq!((step.orders, step.credit), (2, 2.5));
        let later = Standing { since: Duration::from_secs(3600), credit: 9.0, ..RUNNING };
        assert_eq!(later.step().orders, 10);
        let slow = Standing { rate: Some(0.01), since: Duration::from_secs(1), ..RUNNING };
        assert_eq!(slow.step().orders, 0, "its credit grows: {:?}", slow.step());
        assert_eq!(Standing { credit: 0.995, ..slow }.step().orders, 1);
        assert_eq!(Standing { rate: None, ..RUNNING }.step().orders, STEP);
    }

    #[test]
    fn the_rest_waits_for_the_first() {
        let canary = Standing { state: ReplayState::Canary, canary: Some(3), rate: None, ..RUNNING };
        assert_eq!((canary.step().state, canary.step().orders), (ReplayState::Canary, 3));
        let gone = Standing { replayed: 3, open: 2, ..canary };
        assert_eq!((gone.step().state, gone.step().orders), (ReplayState::Canary, 0));
        let well = Standing { open: 0, ..gone };
        assert_eq!((well.step().state, well.step().orders), (ReplayState::Running, STEP));
        let fewer = Standing { waiting: 0, replayed: 2, open: 0, ..canary };
        assert_eq!(fewer.step().state, ReplayState::Running, "there are no more than these");
        let dead = Standing { dead: 1, ..gone };
        assert_eq!((dead.step().state, dead.step().orders), (ReplayState::Halted, 0));
    }
}
