//! Whether a region can take over: one line for each thing that was looked at, with what to do.

use onhand_origin::{
    feed::FeedEnd,
    site::{self, Looked},
};
use serde::Serialize;

use super::{
    To,
    view::{Region, View},
};
use crate::config::{Config, Rpo};

/// Origins need this many for batches, relays and reads until more are free.
const CONNECTIONS: i64 = 20;
/// Clocks that are further apart make deadlines and T wrong.
const CLOCK_MICROS: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Mark {
    Pass,
    Warn,
    Fail,
}

impl Mark {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Line {
    pub(super) check: &'static str,
    pub(super) mark: Mark,
    pub(super) found: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Verdict {
    pub(super) lines: Vec<Line>,
}

/// What the operator has said.
pub(super) struct Asked<'a> {
    pub(super) region: &'a str,
    pub(super) planned: bool,
    pub(super) fenced: bool,
    pub(super) accept_loss: bool,
}

impl<'a> Asked<'a> {
    /// Someone who only looks has said nothing, and is not asked to.
    pub(super) fn of(region: &'a str) -> Self {
        Self { region, planned: false, fenced: true, accept_loss: true }
    }

    pub(super) fn by(to: &'a To) -> Self {
        let fenced = to.how.fenced || to.how.fence.is_some();
        Self { region: &to.region, planned: to.how.planned, fenced, accept_loss: to.how.accept_loss }
    }
}

impl Verdict {
    pub(super) fn of(view: &View, config: &Config, asked: &Asked<'_>) -> Self {
        let mut verdict = Self::default();
        let Some(target) = view.region(asked.region) else { return verdict };
        match &target.database {
            Ok(found) => verdict.judge_database(view, config, asked, target, found),
            Err(error) => verdict.fail("database", format!("it does not answer: {error}. Start it, or choose another")),
        }
        verdict.judge_nodes(view, target);
        verdict
    }

    pub(super) fn goes(&self) -> bool {
        self.lines.iter().all(|line| line.mark < Mark::Fail)
    }

    fn add(&mut self, check: &'static str, mark: Mark, found: impl Into<String>) {
        self.lines.push(Line { check, mark, found: found.into() });
    }

    fn pass(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Mark::Pass, found);
    }

    fn warn(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Mark::Warn, found);
    }

    fn fail(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Mark::Fail, found);
    }

    fn judge_database(&mut self, view: &View, config: &Config, asked: &Asked<'_>, target: &Region, found: &Looked) {
        let open = target.is_open();
        match (found.in_recovery, open) {
            (true, _) => self.pass("database", "a standby, ready to be promoted"),
            (false, true) => self.pass("database", "open for this region already"),
            (false, false) => self.pass("database", "promoted already, and not open yet"),
        }
        self.judge_copy(view, target, found);
        self.judge_schema(found);
        if !open {
            self.judge_loss(view, config, asked, target, found);
        }
        self.judge_term(view, found);
        self.judge_clock(target);
        self.judge_room(found);
        self.judge_old(view, asked, target, open);
    }

    fn judge_copy(&mut self, view: &View, target: &Region, found: &Looked) {
        let other = view.others(&target.name).find_map(|other| {
            let looked = other.database.as_ref().ok()?;
            (looked.system_id != found.system_id).then_some(other)
        });
        match other {
            Some(other) => {
                self.fail("copy", format!("not a copy of {}'s database: other system identifiers", other.name))
            }
            None => self.pass("copy", "the same database as the others that answer"),
        }
    }

    fn judge_schema(&mut self, found: &Looked) {
        let ours = site::newest_schema();
        if found.schema == ours {
            return self.pass("schema", format!("version {}", ours.unwrap_or_default()));
        }
        let theirs = found.schema.map_or("none".to_owned(), |version| version.to_string());
        let ours = ours.unwrap_or_default();
        self.fail(
            "schema",
            format!("version {theirs}, this command knows {ours}: run the command of the origins' release"),
        );
    }

    /// Whether anything that was acknowledged may be missing here.
    fn judge_loss(&mut self, view: &View, config: &Config, asked: &Asked<'_>, target: &Region, found: &Looked) {
        if asked.planned {
            return self.pass("loss", "planned: the target gets everything before it is promoted");
        }
        if config.regions.rpo == Rpo::Async {
            let said = format!("rpo is async: what was acknowledged after T {} may be missing", found.t);
            return match (asked.accept_loss, asked.fenced) {
                (true, true) => self.warn("loss", said),
                (false, _) => self.fail("loss", format!("{said}; --accept-loss says that this is accepted")),
                (true, false) => {
                    self.fail("loss", format!("{said}; --fence or --fenced must say that nothing more is"))
                }
            };
        }
        if !found.lossless {
            return self.fail(
                "loss",
                "the last that this copy knows is that commits did not wait for another region's standby: set \
                 synchronous_standby_names at the primary, or fail over with regions.rpo = \"async\"",
            );
        }
        if let Some(primary) = view.others(&target.name).find_map(Region::primary) {
            let named = |name: &str| name.eq_ignore_ascii_case(&target.standby);
            let follower = primary.standbys.iter().find(|standby| named(&standby.name));
            return match follower {
                Some(follower)
                    if follower.state == "streaming" && matches!(follower.sync.as_str(), "sync" | "quorum") =>
                {
                    self.pass("loss", "none: the primary waits for this standby");
                }
                Some(follower) => self.fail(
                    "loss",
                    format!("the standby is {} and {}, not in sync: wait until it is", follower.state, follower.sync),
                ),
                None => self.fail("loss", format!("no standby named {:?} follows the primary", target.standby)),
            };
        }
        // While a primary answers, the feeds move on between the looks.
        if let FeedEnd::At { term, t } = view.feed
            && (term, t) > (found.term, found.t)
        {
            return self
                .fail("loss", format!("the feeds know of T {t} in term {term}, this copy of T {} only", found.t));
        }
        if view.regions.len() > 2 && !asked.fenced {
            // Its commits may be confirmed by a third region, and it would go on acknowledging.
            return self.fail("loss", "the open region does not answer, and a third one could confirm what it writes: --fence or --fenced must say that it writes nothing more");
        }
        self.judge_furthest(view, target, found);
    }

    /// With one standby elsewhere that is the one; of several, the one that has most.
    fn judge_furthest(&mut self, view: &View, target: &Region, found: &Looked) {
        let standbys = view.others(&target.name).filter(|other| Some(&other.name) != found.region.as_ref());
        let (mut silent, mut ahead) = (Vec::new(), Vec::new());
        for other in standbys {
            match &other.database {
                Ok(looked) if looked.received > found.received => ahead.push(other.name.as_str()),
                Ok(_) => {}
                Err(_) => silent.push(other.name.as_str()),
            }
        }
        if !ahead.is_empty() {
            self.fail("loss", format!("{} has more: fail over to it", ahead.join(", ")));
        } else if !silent.is_empty() {
            let silent = silent.join(", ");
            self.fail("loss", format!("{silent} does not answer and may have more: this one is not proven furthest"));
        } else {
            self.pass("loss", "none: every commit waited for another region's standby");
        }
    }

    fn judge_term(&mut self, view: &View, found: &Looked) {
        let seen = view.highest_term();
        if seen > found.term {
            self.fail(
                "term",
                format!("{}, and a feed, an edge or another database has seen {seen}: this copy is older", found.term),
            );
        } else {
            self.pass("term", format!("{}, and nobody has seen a higher one", found.term));
        }
    }

    fn judge_clock(&mut self, target: &Region) {
        let off = target.clock as f64 / 1e6;
        if target.clock.abs() > CLOCK_MICROS {
            self.fail("clock", format!("{off:+.1} s off this machine's: set the clocks (at most 1 s)"));
        } else {
            self.pass("clock", format!("{off:+.3} s off this machine's"));
        }
    }

    fn judge_room(&mut self, found: &Looked) {
        let spare = found.spare_connections;
        if spare < CONNECTIONS {
            self.fail("connections", format!("{spare} are free, origins need {CONNECTIONS}: raise max_connections"));
        } else {
            self.pass("connections", format!("{spare} are free"));
        }
    }

    fn judge_old(&mut self, view: &View, asked: &Asked<'_>, target: &Region, open: bool) {
        let old = view.others(&target.name).find(|other| other.primary().is_some());
        match old {
            Some(old) if asked.planned && old.primary().is_some_and(|found| found.slots == 0) => {
                self.warn("old region", format!("{} answers, but no replication slot is in use there", old.name));
            }
            Some(old) if asked.planned => self.pass("old region", format!("{} answers and hands over", old.name)),
            Some(old) => {
                self.warn("old region", format!("{} still answers: it will be shut; --planned loses nothing", old.name))
            }
            None if asked.planned && !open => {
                self.fail("old region", "no primary answers, so nothing can hand over: leave --planned out");
            }
            None => self.pass("old region", "no primary of it answers"),
        }
    }

    fn judge_nodes(&mut self, view: &View, target: &Region) {
        let silent: Vec<_> = target.origins.iter().filter(|origin| origin.health.is_err()).collect();
        if target.origins.is_empty() {
            self.fail("origins", "regions.members: origins is not set for this region");
        } else if silent.len() == target.origins.len() {
            self.fail(
                "origins",
                format!("none answers: {}", silent.iter().map(|node| node.url.as_str()).collect::<Vec<_>>().join(", ")),
            );
        } else if let Some(silent) = silent.first() {
            self.warn("origins", format!("{} does not answer", silent.url));
        } else {
            self.pass("origins", format!("{} wait", target.origins.len()));
        }
        let mut edges = view.regions.iter().flat_map(|region| region.edges.iter().map(move |edge| (region, edge)));
        let all = edges.clone().count();
        match edges.find(|(region, edge)| region.name == target.name && edge.health.is_err()) {
            Some((_, edge)) => self.warn("edges", format!("{} does not answer", edge.url)),
            None => self.pass("edges", format!("{all} are known")),
        }
    }
}
