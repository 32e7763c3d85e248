//! Failures become HTTP answers here and nowhere else. The caller sees the problem; the log gets the cause.

use std::net::IpAddr;

use http::{HeaderValue, header};
use onhand_http::{auth::refusal, correlation::Correlation, problem};
use onhand_wire::{Code, Problem};

use super::{Answer, Reply};
use crate::{
    cache::LoadError,
    node::Node,
    origin::{OriginError, Way},
};

#[derive(Debug)]
pub(super) enum Failure {
    Problem(Problem),
    /// The origin cannot be asked this way.
    Unavailable(Way),
    /// With the allowed methods.
    MethodNotAllowed(&'static str),
    /// With the seconds after which the same call may succeed.
    Later(Problem, u64),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A load that failed, for whatever reason, means that the origin could not be asked.
impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Outrun => Problem::new(Code::Overloaded, "too much changes at once; try again").into(),
            LoadError::Crowded | LoadError::Origin(OriginError::Crowded) => {
                Problem::new(Code::Overloaded, "too much waits to be loaded; try again").into()
            }
            LoadError::BeyondShare(problem) => problem.into(),
            LoadError::Origin(_) | LoadError::Stopped => Self::Unavailable(Way::Loads),
        }
    }
}

/// A forwarded call that failed.
impl From<OriginError> for Failure {
    fn from(error: OriginError) -> Self {
        match error {
            OriginError::TimedOut => {
                let detail = "the origin did not answer in time; the same call with the same key settles it";
                Problem::new(Code::DeadlineExceeded, detail).into()
            }
            OriginError::Crowded => {
                Problem::new(Code::Overloaded, "too many calls are under way to the origin; try again").into()
            }
            OriginError::NoTime => {
                let detail = "Onhand-Timeout-Ms: too little of it was left to ask the origin; nothing was done";
                Problem::new(Code::DeadlineExceeded, detail).into()
            }
            OriginError::Unreachable | OriginError::Refused(_) | OriginError::Unreadable => {
                Self::Unavailable(Way::Calls)
            }
        }
    }
}

impl Failure {
    pub(super) fn unavailable() -> Self {
        Self::Unavailable(Way::Loads)
    }

    /// The same for a caller at `peer`: calls that are refused for their token are counted, and some are logged.
    pub(super) fn reply_to(self, peer: IpAddr, correlation: &Correlation, node: &Node) -> Reply {
        if let Self::Problem(problem) = &self
            && let Some(reason) = refusal::reason(problem)
        {
            node.metrics.caller_refused(reason);
            if node.refusals.allows_now() {
                let (address, correlation_id) = (peer.to_string(), correlation.as_str());
                tracing::warn!(reason, address, correlation_id, "a call was refused for its token");
            }
        }
        self.reply(correlation, node)
    }

    pub(super) fn reply(self, correlation: &Correlation, node: &Node) -> Reply {
        let (problem, header) = match self {
            Self::Problem(problem) => (problem, None),
            Self::Unavailable(way) => {
                let problem = Problem::new(Code::OriginUnavailable, "the origin cannot be reached; try again");
                let usual = problem.code.retry_after_s().map_or(0, u64::from);
                // While the breaker is open, the origin is not asked.
                let later = usual.max(node.origin.opens_in_s(way));
                (problem, Some((header::RETRY_AFTER, later.into())))
            }
            Self::MethodNotAllowed(allow) => {
                (problem::method_not_allowed(allow), Some((header::ALLOW, HeaderValue::from_static(allow))))
            }
            Self::Later(problem, seconds) => (problem, Some((header::RETRY_AFTER, seconds.into()))),
        };
        node.metrics.problem(problem.code.as_str());
        let mut shown = problem::answer(&problem, correlation).map(Answer::from);
        if let Some((name, value)) = header {
            shown.headers_mut().insert(name, value);
        }
        shown
    }
}
