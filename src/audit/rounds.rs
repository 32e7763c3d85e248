//! Edges, then the origin, again and again.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use onhand_checker::{Answer, Asked, Key, Violation, Write, versions};
use onhand_wire::{
    Sku, Timestamp, Version,
    availability::{Answers, AtLocation},
    request::AvailabilityQuery,
};

use super::{Error, Stage, truth::Truth};
use crate::progress::Progress;

/// What is known of one edge.
#[derive(Default)]
pub(super) struct Edge {
    pub answers: u64,
    pub stale: u64,
    /// Neither 200 nor in time.
    pub unanswered: u64,
    /// How far answers' as-of was behind the database's clock, in microseconds.
    pub behind: Vec<u64>,
}

pub(super) struct Rounds {
    stage: Arc<Stage>,
    edges: Vec<Edge>,
    /// SKUs whose locations have changed: what an edge should show of them is not known any more.
    retired: BTreeSet<Sku>,
}

struct Shown {
    asked: Asked,
    as_of: Timestamp,
    stale: bool,
    items: Answers,
}

impl Rounds {
    pub(super) fn new(stage: Arc<Stage>) -> Self {
        let edges = (0..stage.edges.nodes()).map(|_| Edge::default()).collect();
        Self { stage, edges, retired: BTreeSet::new() }
    }

    pub(super) fn edges(&self) -> &[Edge] {
        &self.edges
    }

    pub(super) fn left_out(&self) -> usize {
        self.retired.len()
    }

    /// Until the time is over, or Ctrl-C.
    pub(super) async fn run(&mut self, length: Duration, pause: Duration) -> Result<(), Error> {
        let progress = Progress::new("seconds audited", length.as_secs().max(1) as usize);
        let (began, mut told) = (Instant::now(), 0);
        let mut truth = Truth::load(&self.stage).await?;
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        while began.elapsed() < length {
            truth = self.round(truth).await?;
            let seconds = began.elapsed().min(length).as_secs() as usize;
            progress.add(seconds - told);
            told = seconds;
            tokio::select! {
                _ = &mut interrupted => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
        Ok(())
    }

    /// `before` was loaded before the edges are asked, the truth returned after they answered.
    async fn round(&mut self, before: Truth) -> Result<Truth, Error> {
        let stage = Arc::clone(&self.stage);
        let shown = join_all((0..stage.edges.nodes()).map(|edge| ask(&stage, edge))).await;
        let after = Truth::load(&stage).await?;
        for (key, fact) in &before.visible {
            let write = Write { key: key.clone(), version: fact.version, at: after.at };
            stage.checker.acknowledged(&write);
        }
        let moved = stage.skus.iter().filter(|sku| before.locations(sku) != after.locations(sku));
        self.retired.extend(moved.cloned());
        for (edge, shown) in shown.into_iter().enumerate() {
            match shown {
                Some(shown) => self.judge(edge, &shown, &before, &after),
                None => self.edges[edge].unanswered += 1,
            }
        }
        Ok(after)
    }

    fn judge(&mut self, edge: usize, shown: &Shown, before: &Truth, after: &Truth) {
        let counted = &mut self.edges[edge];
        counted.answers += 1;
        counted.stale += u64::from(shown.stale);
        counted.behind.push(u64::try_from(after.at.since(shown.as_of).as_micros()).unwrap_or(u64::MAX));
        for item in &shown.items.items {
            for at in &item.locations {
                self.judge_amount(edge, shown.as_of, &(item.sku.clone(), at.location.clone()), at, [before, after]);
            }
        }
        let Shown { asked, as_of, stale, .. } = *shown;
        let whole = |sku: &&Sku| !self.retired.contains(*sku) && !self.stage.view_rules;
        let skus: Vec<Sku> = self.stage.skus.iter().filter(whole).cloned().collect();
        let shown = versions(&shown.items.items);
        self.stage.checker.answered(&Answer { node: edge, asked, as_of, stale, skus: &skus, shown });
    }

    /// No version beyond the origin's, and in the same version the same number.
    fn judge_amount(&self, edge: usize, as_of: Timestamp, key: &Key, at: &AtLocation, truths: [&Truth; 2]) {
        let (Some(version), Some(latest)) = (Version::parse(&at.version), truths[1].visible.get(key)) else { return };
        let violated = |rule, what| {
            let node = self.stage.edges.name(edge);
            self.stage.checker.violated(Violation::new(rule, node, key, as_of, version, what));
        };
        if version > latest.version {
            violated("never_written", format!("the origin had only {} afterwards", latest.version));
        }
        let mut same = truths.iter().filter_map(|truth| truth.visible.get(key)).filter(|fact| fact.version == version);
        if let Some(fact) = same.next().filter(|_| !self.stage.view_rules)
            && (fact.available(), fact.backorderable()) != (at.available, at.backorderable)
        {
            let (is, more) = (fact.available(), fact.backorderable());
            let what = format!(
                "{} available and {} backorderable; the origin has {is} and {more}",
                at.available, at.backorderable
            );
            violated("wrong_amount", what);
        }
    }
}

/// All audited SKUs, in one answer; nothing if there is none that counts.
async fn ask(stage: &Stage, edge: usize) -> Option<Shown> {
    let query = AvailabilityQuery { skus: stage.skus.clone(), channel: None, locations: None };
    let asked = stage.checker.asking();
    let reply = stage.edges.query(&query).only(edge).once().await.ok()?;
    Some(Shown { asked, as_of: reply.as_of?, stale: reply.stale, items: reply.value })
}
