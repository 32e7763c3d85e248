//! Failures become HTTP here, and nowhere else. The caller sees the problem; the log sees the cause.

use http::{HeaderValue, StatusCode, header};
use onhand_wire::{Code, Problem};

use super::{Reply, correlation::Correlation, reply};
use crate::{cache::LoadError, node::Node, origin::OriginError};

#[derive(Debug)]
pub(super) enum Failure {
    Problem(Problem),
    /// Carries what is allowed.
    MethodNotAllowed(&'static str),
    /// Carries the seconds after which the same call may do better.
    Later(Problem, u64),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

fn origin_unavailable() -> Problem {
    Problem::new(Code::OriginUnavailable, "the origin cannot be reached; try again")
}

/// A load that failed, for whatever cause, is an origin that could not be asked.
impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Outrun => Problem::new(Code::Overloaded, "too much changes at once; try again").into(),
            LoadError::Crowded => Problem::new(Code::Overloaded, "too much waits to be loaded; try again").into(),
            LoadError::BeyondShare(problem) => problem.into(),
            LoadError::Origin(_) | LoadError::Stopped => origin_unavailable().into(),
        }
    }
}

/// A call that was forwarded.
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
            OriginError::Unreachable | OriginError::Refused(_) | OriginError::Unreadable => origin_unavailable().into(),
        }
    }
}

impl Failure {
    pub(super) fn unavailable() -> Self {
        origin_unavailable().into()
    }

    pub(super) fn reply(self, correlation: &Correlation, node: &Node) -> Reply {
        let (problem, allow, later) = match self {
            Self::Problem(problem) => {
                let later = retry_after_s(&problem, node);
                (problem, None, later)
            }
            Self::MethodNotAllowed(allow) => {
                (Problem::new(Code::MethodNotAllowed, format!("allowed here: {allow}")), Some(allow), None)
            }
            Self::Later(problem, seconds) => (problem, None, Some(seconds)),
        };
        node.metrics.problem(problem.code.as_str());
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut shown = reply(status, "application/problem+json", problem.to_json(correlation.as_str()));
        if let Some(allow) = allow {
            shown.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(seconds) = later {
            shown.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if problem.code == Code::Unauthenticated {
            shown.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        shown
    }
}

/// An origin that has been given up for a while is not asked before that is over.
fn retry_after_s(problem: &Problem, node: &Node) -> Option<u64> {
    let seconds = problem.code.retry_after_s().map(u64::from)?;
    Some(if problem.code == Code::OriginUnavailable { seconds.max(node.origin.opens_in_s()) } else { seconds })
}
