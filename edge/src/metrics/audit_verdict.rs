//! The label that the self-audit's answers are counted under.

/// What came of an answer that was compared with the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuditVerdict {
    Agreement,
    Violation,
    Undecided,
}

impl AuditVerdict {
    pub(crate) const ALL: [Self; 3] = [Self::Agreement, Self::Violation, Self::Undecided];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Violation => "violation",
            Self::Undecided => "undecided",
        }
    }
}
