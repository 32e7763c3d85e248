//! Why a rule gave no valid answer.

use std::fmt;

/// A failed call: the caller uses the built-in behaviour instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule}: {reason}: {detail}")]
pub struct Fault {
    pub rule: String,
    pub reason: Reason,
    /// Whether the caller must be refused instead of answered in the built-in way (`refuse_on_failure`).
    pub refuse: bool,
    /// For the log: the guest's own text, a backtrace, or what exactly was wrong.
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It took longer than its deadline.
    Deadline,
    /// It asked for more memory than it may have, and could not go on without it.
    Memory,
    /// It trapped: a panic, a stack too deep, an answer that can't be read.
    Trap,
    /// The rule refused to decide.
    Refused,
    /// The rule says that its settings are wrong.
    InvalidConfig,
    /// The rule says that it failed.
    Internal,
    /// Its answer does not fit the question, and why.
    WrongAnswer(String),
    /// Its input, or the answer that it would need, is over the size limit: it was not called.
    InputTooLarge,
    /// Its answer is over the size limit.
    TooLarge,
    /// There are more concurrent calls than the host has room for.
    Busy,
    /// There is no such rule, or it has another world.
    Unknown,
    /// It failed too often, and no earlier release can replace it.
    TakenOut,
}

impl Reason {
    /// The ways in which a call may fail, as named by [`Self::as_str`].
    pub(crate) const NAMES: [&str; 9] = [
        "refused",
        "invalid_config",
        "internal",
        "trap",
        "deadline",
        "memory",
        "wrong_answer",
        "too_large",
        "input_too_large",
    ];

    /// Whether it counts towards `rules.max_failure_rate`. Deliberate refusals do not, nor do faults that are not the
    /// rule's.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self, Self::Refused | Self::InputTooLarge | Self::Busy | Self::Unknown | Self::TakenOut)
    }

    /// The metric's label.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Trap => "trap",
            Self::Refused => "refused",
            Self::InvalidConfig => "invalid_config",
            Self::Internal => "internal",
            Self::WrongAnswer(_) => "wrong_answer",
            Self::InputTooLarge => "input_too_large",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Unknown => "unknown",
            Self::TakenOut => "taken_out",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fault before the rule's name is added.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

/// Longest detail: a guest may trap with a text and a backtrace of any length.
const DETAIL_BYTES: usize = 4096;

impl Failure {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(DETAIL_BYTES));
        Self { reason, detail }
    }

    pub(crate) fn wrong(what: impl Into<String>) -> Self {
        let what = what.into();
        Self::new(Reason::WrongAnswer(what.clone()), what)
    }

    pub(crate) fn of(self, rule: &str) -> Fault {
        Fault { rule: rule.to_owned(), reason: self.reason, refuse: false, detail: self.detail }
    }
}
