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

/// At most so many regions.
pub const REGIONS: u16 = 16;

/// A new term, and the oldest that stays good under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raised {
    pub term: u16,
    pub good_since: u16,
}

/// There is no higher term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no term is left: 65,535 is the last one. Export the data and import it into a new database and new topics")]
pub(crate) struct Exhausted;

/// The new term; `None` if the current one stays. `region`: the number of the region that raises it.
pub(crate) fn raised(at: Standpoint, feed: FeedEnd, region: Option<u16>) -> Result<Option<Raised>, Exhausted> {
    if !is_behind(at, feed) && at.copy != Which::Another {
        return Ok(None);
    }
    reopened(at, feed, region).map(Some)
}

/// The same, whatever copy this is: a region takes over.
pub(crate) fn reopened(at: Standpoint, feed: FeedEnd, region: Option<u16>) -> Result<Raised, Exhausted> {
    let highest = match feed {
        FeedEnd::At { term, .. } => Some(at.term.max(term)),
        FeedEnd::Empty => Some(at.term),
        FeedEnd::Unreachable => at.term.checked_add(ROOM - 1),
    };
    let term = highest.and_then(|highest| next(highest, region)).ok_or(Exhausted)?;
    let complete = at.lossless && !is_behind(at, feed) && feed != FeedEnd::Unreachable;
    Ok(Raised { term, good_since: if complete { at.good_since } else { term } })
}

/// The lowest term above this one that this region may give. Each region gives every sixteenth, so that two that do not
/// know of each other never give the same.
fn next(highest: u16, region: Option<u16>) -> Option<u16> {
    let first = highest.checked_add(1)?;
    let Some(region) = region else { return Some(first) };
    first.checked_add((region + REGIONS - first % REGIONS) % REGIONS)
}

/// Whether a feed knows of more than the database.
fn is_behind(at: Standpoint, feed: FeedEnd) -> bool {
    match feed {
        FeedEnd::At { term, t } => (term, t) > (at.term, at.t),
        FeedEnd::Empty => false,
        // An unnamed copy that has never led a feed may have been connected to a feed that others wrote.
        FeedEnd::Unreachable => at.copy == Which::Unnamed && at.t <= onhand_wire::Timestamp::default(),
    }
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

    /// Term and good_since, in a single region.
    fn alone(at: Standpoint, feed: FeedEnd) -> Option<(u16, u16)> {
        raised(at, feed, None).unwrap().map(|raised| (raised.term, raised.good_since))
    }

    #[test]
    fn the_same_copy_keeps_its_term() {
        let feed = FeedEnd::At { term: 4, t: at(1000) };
        assert_eq!(alone(standpoint(Which::Same, false), feed), None);
        assert_eq!(alone(standpoint(Which::Same, false), FeedEnd::Unreachable), None);
        assert_eq!(alone(standpoint(Which::Unnamed, false), feed), None, "it led this very feed");
    }

    #[test]
    fn a_promoted_copy_raises_it_and_says_what_still_counts() {
        let feed = FeedEnd::At { term: 4, t: at(1000) };
        assert_eq!(alone(standpoint(Which::Another, true), feed), Some((5, 3)), "every commit had waited");
        assert_eq!(alone(standpoint(Which::Another, false), feed), Some((5, 5)));
        let ahead = FeedEnd::At { term: 4, t: at(1001) };
        assert_eq!(alone(standpoint(Which::Another, true), ahead), Some((5, 5)), "the feed knows of more");
        let higher = FeedEnd::At { term: 9, t: at(10) };
        assert_eq!(alone(standpoint(Which::Another, true), higher), Some((10, 10)));
        assert_eq!(alone(standpoint(Which::Another, true), FeedEnd::Unreachable), Some((104, 104)));
    }

    #[test]
    fn a_copy_that_went_back_raises_it_though_its_names_are_the_same() {
        let feed = FeedEnd::At { term: 4, t: at(1001) };
        assert_eq!(alone(standpoint(Which::Same, true), feed), Some((5, 5)));
    }

    #[test]
    fn a_new_database_beside_an_old_feed_raises_it() {
        let new = Standpoint { term: 1, good_since: 1, t: at(0), copy: Which::Unnamed, lossless: false };
        assert_eq!(alone(new, FeedEnd::Empty), None);
        assert_eq!(alone(new, FeedEnd::At { term: 1, t: at(5) }), Some((2, 2)));
        assert_eq!(alone(new, FeedEnd::Unreachable), Some((101, 101)));
    }

    #[test]
    fn two_regions_never_give_the_same_term() {
        for highest in 0..500 {
            let given: std::collections::BTreeSet<_> =
                (0..REGIONS).filter_map(|region| next(highest, Some(region))).collect();
            assert_eq!(given.len(), usize::from(REGIONS));
            assert!(given.iter().all(|term| (highest + 1..=highest + REGIONS).contains(term)), "{given:?}");
        }
        for region in 0..REGIONS {
            assert_eq!(next(1000, Some(region)).unwrap() % REGIONS, region);
        }
    }

    #[test]
    fn the_last_term_is_not_given_twice() {
        let feed = FeedEnd::At { term: u16::MAX, t: at(1000) };
        assert_eq!(raised(standpoint(Which::Another, true), feed, None), Err(Exhausted));
        let feed = FeedEnd::At { term: u16::MAX - 3, t: at(1000) };
        assert_eq!(raised(standpoint(Which::Another, true), feed, Some(2)), Err(Exhausted));
    }

    #[test]
    fn a_region_that_takes_over_raises_it_on_the_same_copy_too() {
        let feed = FeedEnd::At { term: 4, t: at(1000) };
        let raised = reopened(standpoint(Which::Same, true), feed, Some(1)).unwrap();
        assert_eq!(raised, Raised { term: 17, good_since: 3 });
    }
}
