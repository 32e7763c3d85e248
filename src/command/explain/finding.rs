//! What each tier holds against what the origin said afterwards.

use std::collections::BTreeSet;

use onhand_wire::{
    Stock, Timestamp, Version,
    bulk::LoadedFacts,
    explain::{Explained, L2State},
    judge::{COMMITS_WITHIN, Judged, Verdict, Wrong, judge},
};
use serde::Serialize;

use super::ask::Edge;

/// From best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grade {
    Right,
    /// Older than the origin's, and nothing promised more: it lags.
    Behind,
    /// Of a history that was lost in a failover: it counts for nothing.
    Void,
    Wrong,
}

impl Grade {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Behind => "behind",
            Self::Void => "void",
            Self::Wrong => "WRONG",
        }
    }
}

/// One tier's fact that is not the origin's.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) grade: Grade,
    /// `l1`, `recent` or `l2`.
    pub(super) tier: &'static str,
    /// The edge that was asked; L2 is the whole region's.
    pub(super) edge: String,
    pub(super) region: String,
    /// None: the item itself.
    pub(super) location: Option<String>,
    pub(super) held: Option<Version>,
    pub(super) origin: Option<Version>,
    pub(super) why: String,
}

pub(super) fn all(edges: &[Edge], truth: &LoadedFacts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for edge in edges {
        let Some(explained) = &edge.explained else { continue };
        let judged = Judging::new(&edge.url.to_string(), explained, truth).findings();
        // A region has one L2: each of its edges would tell the same.
        let known = |new: &Finding| {
            findings.iter().any(|old| {
                (old.tier, old.grade) == ("l2", new.grade)
                    && (&old.region, &old.location) == (&new.region, &new.location)
                    && new.tier == "l2"
            })
        };
        let new: Vec<_> = judged.into_iter().filter(|finding| !known(finding)).collect();
        findings.extend(new);
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    findings
}

struct Judging<'a> {
    edge: &'a str,
    explained: &'a Explained,
    truth: &'a Stock,
    as_of: Timestamp,
    good_since: u16,
}

impl<'a> Judging<'a> {
    fn new(edge: &'a str, explained: &'a Explained, loaded: &'a LoadedFacts) -> Self {
        static NOTHING: Stock = Stock { item: None, facts: Vec::new() };
        Self {
            edge,
            explained,
            truth: loaded.stocks.first().unwrap_or(&NOTHING),
            as_of: explained.node.as_of.unwrap_or_default(),
            good_since: loaded.good_since.max(explained.node.good_since),
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let Explained { l1, recent, l2, .. } = self.explained;
        let mut findings = Vec::new();
        if let Some(l1) = l1 {
            findings.extend(self.tier("l1", &l1.stock));
        }
        if let Some(stock) = &recent.stock {
            // It holds what came in lately, no more: only what it has can be wrong.
            findings.extend(self.tier("recent", stock).into_iter().filter(|found| found.held.is_some()));
        }
        if let (L2State::Held, Some(stock)) = (l2.state, &l2.stock) {
            findings.extend(self.tier("l2", stock));
            findings.extend(l2.unreadable.iter().map(|field| Finding {
                grade: Grade::Wrong,
                why: "the field cannot be read, or is not what its name says".to_owned(),
                ..self.finding("l2", Some(field.clone()).filter(|field| !field.is_empty()))
            }));
        }
        findings
    }

    /// The item, then each location that either side has.
    fn tier(&self, tier: &'static str, held: &Stock) -> Vec<Finding> {
        let facts = held.facts.iter().chain(&self.truth.facts);
        let locations: BTreeSet<&str> = facts.map(|fact| fact.location.as_str()).collect();
        let item = self.place(tier, None, held.item.as_ref(), self.truth.item.as_ref());
        let fact = |at: &str| self.place(tier, Some(at), held.fact(at), self.truth.fact(at));
        item.into_iter().chain(locations.into_iter().filter_map(fact)).collect()
    }

    fn finding(&self, tier: &'static str, location: Option<String>) -> Finding {
        let region = self.explained.node.region.clone();
        let (grade, why) = (Grade::Right, String::new());
        Finding { grade, tier, edge: self.edge.to_owned(), region, location, held: None, origin: None, why }
    }

    fn place<T: Judged>(
        &self,
        tier: &'static str,
        at: Option<&str>,
        held: Option<&T>,
        truth: Option<&T>,
    ) -> Option<Finding> {
        let unreadable = &self.explained.l2.unreadable;
        if tier == "l2" && unreadable.iter().any(|field| field == at.unwrap_or_default()) {
            return None; // told as such
        }
        let verdict = judge(held, truth, self.as_of, self.good_since);
        let (grade, why) = match (verdict, tier) {
            (Verdict::Agrees, _) => return None,
            (Verdict::Void, _) => (Grade::Void, format!("of a history that was lost before term {}", self.good_since)),
            (Verdict::Wrong(wrong @ (Wrong::Content | Wrong::Ahead)), _) => (Grade::Wrong, wrong.as_str().to_owned()),
            (older, "l2") => self.older_in_l2(at, older, truth?.version()),
            (_, "recent") => return None,
            (Verdict::Wrong(wrong), _) => (Grade::Wrong, format!("{}: {}", wrong.as_str(), self.moments(truth?))),
            (Verdict::Behind, _) => (Grade::Behind, self.lag(truth?)),
        };
        let location = at.map(str::to_owned);
        let (held, origin) = (held.map(Judged::version), truth.map(Judged::version));
        Some(Finding { grade, held, origin, why, ..self.finding(tier, location) })
    }

    fn moments<T: Judged>(&self, truth: &T) -> String {
        format!("the edge's as-of is {}, the change is of {}", self.as_of, truth.changed_at())
    }

    fn lag<T: Judged>(&self, truth: &T) -> String {
        let moments = self.moments(truth);
        if truth.changed_at() < self.as_of {
            let within = COMMITS_WITHIN.as_secs();
            return format!("it lags, or the change took long to commit (up to {within} s): {moments}; ask again");
        }
        format!("it lags: {moments}")
    }

    /// A hash holds every record below its writer's offset. `recent` tells whether the change is one of them:
    /// it knows the offset, or is complete from the writer's offset on without having it.
    fn older_in_l2(&self, at: Option<&str>, verdict: Verdict, truth: Version) -> (Grade, String) {
        let Explained { recent, l2, node, .. } = self.explained;
        let Some(writer) = l2.writer.as_ref().filter(|writer| node.log.as_ref() == Some(&writer.log)) else {
            return (
                Grade::Behind,
                "it lags, and does not count: its writer's place is missing, or another log's".into(),
            );
        };
        let came = recent.stock.as_ref().and_then(|stock| match at {
            Some(at) => stock.fact(at).map(|fact| fact.version),
            None => stock.item.as_ref().map(|item| item.version),
        });
        let came = came.is_some_and(|version| version.seq() >= truth.seq());
        match recent.fed {
            Some(fed) if came && fed < writer.offset => {
                let why = format!("the change came by the feed before offset {}, where its writer is", writer.offset);
                return (Grade::Wrong, why);
            }
            Some(fed) if came => {
                return (
                    Grade::Behind,
                    format!("its writer is at offset {}, the change at {fed} or before", writer.offset),
                );
            }
            _ => {}
        }
        match verdict {
            Verdict::Wrong(wrong) if !came && recent.complete_from <= writer.offset => {
                (Grade::Wrong, format!("{}, and its writer is past the change", wrong.as_str()))
            }
            _ => (Grade::Behind, format!("it lags: its writer is at offset {}", writer.offset)),
        }
    }
}
