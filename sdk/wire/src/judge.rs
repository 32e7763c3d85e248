//! Whether what a tier holds can be right, against what the origin says later.
//!
//! The origin's fact must be read **after** the tier, and the time that the node claims (`as_of`) **before** it. Then a
//! correct tier is never ahead of the origin, holds the same content at the same version, and lacks a version only if
//! that may have been committed after `as_of`.
//!
//! A fact says when its change was decided (`changed_at`), not when it was committed. To call a version missing one
//! needs a time at which it was certainly visible: [`COMMITS_WITHIN`] after `changed_at`, or the end of an earlier read
//! that showed it.

use std::time::Duration;

use crate::{Fact, Item, Timestamp, Version};

/// The time from a change to its commit: locks, statements and the standby take less than this.
pub const COMMITS_WITHIN: Duration = Duration::from_secs(15);

/// The verdict on a tier's fact or item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same as the origin's.
    Agrees,
    /// An older version; nothing promised a newer one.
    Behind,
    /// It belongs to a history that was lost in a failover, so it is ignored and proves nothing.
    Void,
    Wrong(Wrong),
}

/// What a correct tier never holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The origin's version with another content.
    Content,
    /// A version that the origin has not reached.
    Ahead,
    /// An older version although `as_of` promises a newer one.
    Missed,
}

impl Wrong {
    /// The words for logs and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Content => "the origin's version with another content",
            Self::Ahead => "a version that the origin never gave",
            Self::Missed => "an older version although as_of promises a newer one",
        }
    }
}

/// What facts and items have in common.
pub trait Judged: Clone + PartialEq {
    fn version(&self) -> Version;
    fn changed_at(&self) -> Timestamp;
    fn deleted(&self) -> bool;
    /// Equal except for the term, which a failover raises everywhere, and the microseconds, which JSON leaves out.
    fn same_content(&self, other: &Self) -> bool;
}

macro_rules! judged {
    ($kind:ty) => {
        impl Judged for $kind {
            fn version(&self) -> Version {
                self.version
            }

            fn changed_at(&self) -> Timestamp {
                self.changed_at
            }

            fn deleted(&self) -> bool {
                self.deleted
            }

            fn same_content(&self, other: &Self) -> bool {
                let (version, changed_at) = (other.version, other.changed_at);
                Self { version, changed_at, ..self.clone() } == *other
            }
        }
    };
}

judged!(Fact);
judged!(Item);

/// Judges what is held against what the origin said later. `good_since`: the oldest term that counts.
pub fn judge<T: Judged>(held: Option<&T>, truth: Option<&T>, as_of: Timestamp, good_since: u16) -> Verdict {
    let (held, truth) = match (held, truth) {
        (None, None) => return Verdict::Agrees,
        (None, Some(truth)) if truth.deleted() => return Verdict::Agrees,
        (None, Some(truth)) => return lacks(truth, as_of),
        (Some(held), _) if held.version().term() < good_since => return Verdict::Void,
        (Some(held), None) if held.deleted() => return Verdict::Agrees,
        (Some(_), None) => return Verdict::Wrong(Wrong::Ahead),
        (Some(held), Some(truth)) => (held, truth),
    };
    if held.version().seq() == truth.version().seq() {
        return if held.same_content(truth) { Verdict::Agrees } else { Verdict::Wrong(Wrong::Content) };
    }
    if held.version().seq() > truth.version().seq() {
        return Verdict::Wrong(Wrong::Ahead);
    }
    lacks(truth, as_of)
}

fn lacks<T: Judged>(truth: &T, as_of: Timestamp) -> Verdict {
    let visible = truth.changed_at().plus(COMMITS_WITHIN);
    if visible < as_of { Verdict::Wrong(Wrong::Missed) } else { Verdict::Behind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LocationId, Sku};

    fn fact(term: u16, seq: u64, on_hand: i64, changed_s: i64) -> Fact {
        Fact {
            sku: Sku::new("a").unwrap(),
            location: LocationId::new("eu-1").unwrap(),
            on_hand,
            reserved: 0,
            safety_stock: 0,
            backorder_limit: 0,
            low_stock_at: 0,
            restock_at: None,
            version: Version::new(term, seq),
            changed_at: Timestamp::from_micros(changed_s * 1_000_000),
            deleted: false,
        }
    }

    fn judged(held: Option<Fact>, truth: Option<Fact>) -> Verdict {
        judge(held.as_ref(), truth.as_ref(), Timestamp::from_micros(100_000_000), 1)
    }

    #[test]
    fn each_case_has_its_verdict() {
        let held = || Some(fact(1, 5, 7, 50));
        assert_eq!(judged(held(), held()), Verdict::Agrees);
        assert_eq!(judged(held(), Some(fact(2, 5, 7, 50))), Verdict::Agrees, "a failover raised the term");
        assert_eq!(judged(held(), Some(fact(1, 5, 8, 50))), Verdict::Wrong(Wrong::Content));
        assert_eq!(judged(held(), Some(fact(1, 4, 7, 40))), Verdict::Wrong(Wrong::Ahead));
        assert_eq!(judged(held(), None), Verdict::Wrong(Wrong::Ahead));
        assert_eq!(judged(held(), Some(fact(1, 6, 7, 60))), Verdict::Wrong(Wrong::Missed));
        assert_eq!(judged(None, Some(fact(1, 6, 7, 60))), Verdict::Wrong(Wrong::Missed));
        assert_eq!(judged(held(), Some(fact(1, 6, 7, 90))), Verdict::Behind, "it may have been committed at 101");
        assert_eq!(judged(held(), Some(fact(1, 6, 7, 110))), Verdict::Behind);
        assert_eq!(judged(Some(fact(0, 9, 7, 50)), Some(fact(1, 2, 7, 60))), Verdict::Void);
        assert_eq!(judged(None, Some(Fact { deleted: true, ..fact(1, 6, 0, 60) })), Verdict::Agrees);
        assert_eq!(judged(None, None), Verdict::Agrees);
    }
}
