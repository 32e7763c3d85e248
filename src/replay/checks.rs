//! The verdict: each comparison on a line of its own, with how much was compared.

mod reservations;
mod rows;

use std::sync::Arc;

use super::{
    Error,
    stage::{Faults, Stage},
};
use crate::{
    progress::Progress,
    tiers::{self, Check, edges, l2, ledger},
};

/// All comparisons, once every edge has passed the last acknowledgement.
pub(super) async fn all(stage: &Arc<Stage>, redis: Option<&str>, ca_file: &str) -> Result<Vec<Check>, Error> {
    let progress = Progress::new("comparisons", 6);
    let skus = &stage.seeded.skus;
    let mut checks = edges::wait_until_past(&stage.edges, skus, stage.books.last_acknowledged()).await;
    let facts = tiers::load(&stage.origins, skus).await?.live;
    progress.add(1);
    checks.extend(rows::compare(stage, &facts).await);
    progress.add(1);
    checks.push(ledger::compare(&stage.origins).await?);
    progress.add(1);
    checks.push(l2::compare(&facts, redis, ca_file).await?);
    progress.add(1);
    checks.extend(edges::compare(&stage.edges, skus, Some(&stage.seeded.channel), &facts).await?);
    progress.add(1);
    checks.push(reservations::compare(stage).await?);
    checks.extend(faults(stage));
    progress.add(1);
    Ok(checks)
}

fn of_faults(name: &str, of: &'static str, compared: u64, faults: &Faults) -> Check {
    let (mismatches, examples) = (faults.count(), faults.examples());
    Check { compared, mismatches, examples, ..Check::new(name, of) }
}

fn lookups_judged(stage: &Stage) -> Check {
    let report = stage.checker.report();
    let (compared, mismatches) = (report.figures.compared, report.figures.violations);
    let examples = report.first.iter().map(ToString::to_string).collect();
    let name = "every as-of was earned, and no edge went back";
    Check { compared, mismatches, examples, ..Check::new(name, "facts shown") }
}

/// Faults noticed during the run.
fn faults(stage: &Stage) -> Vec<Check> {
    let (counts, sampler) = (&stage.counts, &stage.sampler);
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let lookups = load(&counts.lookups);
    let answers = lookups + load(&counts.holds) + load(&counts.refusals) + load(&counts.confirms);
    let sampled = sampler.times.lock().expect("no panic under this lock").len();
    let mut faults =
        vec![of_faults("every answer was one that the contract expects", "answers", answers, &counts.unexpected)];
    if lookups > 0 {
        faults.push(lookups_judged(stage));
    }
    if sampled + sampler.never.count() > 0 {
        faults.push(of_faults("every sampled hold reached the other edge", "holds", sampled, &sampler.never));
    }
    faults
}
