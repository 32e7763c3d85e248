//! Terms: which history of the database is valid.
//!
//! A promoted standby or a restored backup may lack changes that the feed and the edges already have, under versions
//! that it will use again for others. So an origin that finds itself on another copy raises the term before it writes:
//! facts of a higher term win every join. The term comes with the information whether facts of earlier terms are still
//! valid: they are if every commit had waited for the standby and the database's stored T is not behind the feed's last
//! watermark.

use crate::feed::FeedEnd;

/// What the decision needs to know about a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standpoint {
    pub(crate) term: u16,
    pub(crate) good_since: u16,
    pub(crate) t: onhand_wire::Timestamp,
    pub(crate) copy: Which,
    pub(crate) lossless: bool,
}

/// Compared with the copy that the term was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Same,
    Another,
    /// New, or migrated from before terms were stored.
    Unnamed,
}

/// Terms that are skipped if the feed's highest term cannot be read.
const ROOM: u16 = 100;

/// The new term, and the oldest that stays good; `None` if the current term stays.
pub(crate) fn raised(at: Standpoint, feed: FeedEnd) -> Option<(u16, u16)> {
    let behind = match feed {
        FeedEnd::At { term, t } => (term, t) > (at.term, at.t),
        FeedEnd::Empty => false,
        // An unnamed copy that has never led a feed may have been connected to a feed that others wrote.
        FeedEnd::Unreachable => at.copy == Which::Unnamed && at.t <= onhand_wire::Timestamp::default(),
    };
    if !behind && at.copy != Which::Another {
        return None;
    }
    let term = match feed {
        FeedEnd::At { term, .. } => at.term.max(term).saturating_add(1),
        FeedEnd::Empty => at.term.saturating_add(1),
        FeedEnd::Unreachable => at.term.saturating_add(ROOM),
    };
    let complete = at.lossless && !behind && feed != FeedEnd::Unreachable;
    Some((term, if complete { at.good_since } else { term }))
}

#[cfg(test)]
mod tests {
    use onhand_wire::Timestamp;

    use super::*;

    fn at(t: i64) -> Timestamp {
        Timestamp::from_micros(t)
    }

    fn standpoint(copy: Which, lossless: bool) -> Standpoint {
        Standpoint { term: 4, good_since: 3, t: at(1000), copy, lossless }
    }

    #[test]
    fn the_same_copy_keeps_its_term() {
        let feed = FeedEnd::At { term: 4, t: at(1000) };
        assert_eq!(raised(standpoint(Which::Same, false), feed), None);
        assert_eq!(raised(standpoint(Which::Same, false), FeedEnd::Unreachable), None);
        assert_eq!(raised(standpoint(Which::Unnamed, false), feed), None, "it led this very feed");
    }

    #[test]
    fn a_promoted_copy_raises_it_and_says_what_still_counts() {
        let feed = FeedEnd::At { term: 4, t: at(1000) };
        assert_eq!(raised(standpoint(Which::Another, true), feed), Some((5, 3)), "every commit had waited");
        assert_eq!(raised(standpoint(Which::Another, false), feed), Some((5, 5)));
        let ahead = FeedEnd::At { term: 4, t: at(1001) };
        assert_eq!(raised(standpoint(Which::Another, true), ahead), Some((5, 5)), "the feed knows of more");
        let higher = FeedEnd::At { term: 9, t: at(10) };
        assert_eq!(raised(standpoint(Which::Another, true), higher), Some((10, 10)));
        assert_eq!(raised(standpoint(Which::Another, true), FeedEnd::Unreachable), Some((104, 104)));
    }

    #[test]
    fn a_copy_that_went_back_raises_it_though_its_names_are_the_same() {
        let feed = FeedEnd::At { term: 4, t: at(1001) };
        assert_eq!(raised(standpoint(Which::Same, true), feed), Some((5, 5)));
    }

    #[test]
    fn a_new_database_beside_an_old_feed_raises_it() {
        let new = Standpoint { term: 1, good_since: 1, t: at(0), copy: Which::Unnamed, lossless: false };
        assert_eq!(raised(new, FeedEnd::Empty), None);
        assert_eq!(raised(new, FeedEnd::At { term: 1, t: at(5) }), Some((2, 2)));
        assert_eq!(raised(new, FeedEnd::Unreachable), Some((101, 101)));
    }
}
