//! The verdict: each comparison on a line of its own, with how much was compared.

mod edges;
mod l2;
mod ledger;
mod reservations;
mod rows;

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use onhand_wire::{
    Fact, Sku,
    bulk::{LOAD_SKUS, LoadFacts, LoadedFacts, MESSAGEPACK},
};
use reqwest::Method;

use super::{
    Error,
    fleet::{Ask, Fleet},
    progress::Progress,
    seed::Key,
    stage::{Faults, Stage},
};

/// One comparison.
#[derive(Debug)]
pub(super) struct Check {
    pub name: String,
    /// What a unit of `compared` is.
    pub of: &'static str,
    pub compared: u64,
    pub mismatches: u64,
    pub examples: Vec<String>,
    /// Why nothing was compared, where that is no fault.
    pub left_out: Option<&'static str>,
}

const EXAMPLES: usize = 5;

impl Check {
    fn new(name: impl Into<String>, of: &'static str) -> Self {
        Self { name: name.into(), of, compared: 0, mismatches: 0, examples: vec![], left_out: None }
    }

    fn compare(&mut self, same: bool, what: impl FnOnce() -> String) {
        self.compared += 1;
        if !same {
            self.mismatch(what);
        }
    }

    fn mismatch(&mut self, what: impl FnOnce() -> String) {
        self.mismatches += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }

    fn of_faults(name: &str, of: &'static str, compared: u64, faults: &Faults) -> Self {
        let (mismatches, examples) = (faults.count(), faults.examples());
        Self { name: name.to_owned(), of, compared, mismatches, examples, left_out: None }
    }

    /// A comparison of nothing shows nothing, so it does not hold, unless that was asked for.
    pub(super) fn holds(&self) -> bool {
        self.left_out.is_some() || (self.mismatches == 0 && self.compared > 0)
    }
}

/// All comparisons, once every edge has passed the last acknowledgement.
pub(super) async fn all(stage: &Arc<Stage>, redis: Option<&str>) -> Result<Vec<Check>, Error> {
    let progress = Progress::new("comparisons", 6);
    let mut checks = edges::wait_until_past(stage, stage.books.last_acknowledged()).await;
    let facts = load(&stage.origins, &stage.seeded.skus).await?;
    progress.add(1);
    checks.extend(rows::compare(stage, &facts).await);
    progress.add(1);
    checks.push(ledger::compare(stage).await?);
    progress.add(1);
    checks.push(l2::compare(&facts, redis).await?);
    progress.add(1);
    checks.extend(edges::compare(stage, &facts).await?);
    progress.add(1);
    checks.push(reservations::compare(stage).await?);
    checks.extend(faults(stage));
    progress.add(1);
    Ok(checks)
}

/// What was noticed on the way.
fn faults(stage: &Stage) -> Vec<Check> {
    let (counts, sampler) = (&stage.counts, &stage.sampler);
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let lookups = load(&counts.lookups);
    let answers = lookups + load(&counts.holds) + load(&counts.refusals) + load(&counts.confirms);
    let sampled = sampler.times.lock().expect("no panic under this lock").len();
    let mut faults = vec![Check::of_faults(
        "every answer was one that the contract expects",
        "answers",
        answers,
        &counts.unexpected,
    )];
    if lookups > 0 {
        let checked = load(&counts.answers_checked);
        faults.push(Check::of_faults("no edge went back to a lower version", "lookups", lookups, &counts.went_back));
        faults.push(Check::of_faults("every answer had earned its as-of", "facts shown", checked, &counts.unearned));
    }
    if sampled + sampler.never.count() > 0 {
        faults.push(Check::of_faults("every sampled hold reached the other edge", "holds", sampled, &sampler.never));
    }
    faults
}

/// The rows as the origin has them now.
pub(super) async fn load(origins: &Fleet, skus: &[Sku]) -> Result<HashMap<Key, Fact>, Error> {
    let mut facts = HashMap::new();
    for skus in skus.chunks(LOAD_SKUS) {
        let request = LoadFacts { skus: skus.to_vec(), without: None };
        let body = Bytes::from(rmp_serde::to_vec_named(&request).expect("plain data encodes"));
        let path = "/internal/api/facts".to_owned();
        let ask = Ask { method: Method::POST, path, key: None, body: Some((MESSAGEPACK, body)) };
        let answer = origins.ask(0, &ask).await?.success()?;
        let loaded: LoadedFacts = rmp_serde::from_slice(&answer.body)
            .map_err(|error| Error::Strange { call: answer.call.clone(), what: error.to_string() })?;
        let live = loaded.stocks.into_iter().flat_map(|stock| stock.facts).filter(|fact| !fact.deleted);
        facts.extend(live.map(|fact| ((fact.sku.clone(), fact.location.clone()), fact)));
    }
    Ok(facts)
}
