//! From a hold's acknowledgement until the other edge shows it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use onhand_client::View;
use onhand_wire::{
    LocationId, Sku, Version,
    session::{Floor, Session},
};
use tokio::task::JoinSet;

use super::stage::{Faults, Stage, histogram};

/// A feed that needs longer is broken, not slow.
const LIMIT: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_micros(500);
/// Asking again waits at least this part of the time that a hold has waited for already: while a feed is down, all that
/// wait for it would otherwise keep busy the machine on which it is to come back.
const PATIENCE: u32 = 20;

pub(super) struct Sampler {
    every: u64,
    seen: AtomicU64,
    under_way: Mutex<JoinSet<()>>,
    /// In microseconds.
    pub times: Mutex<Histogram<u64>>,
    pub never: Faults,
}

impl Sampler {
    pub(super) fn new(every: u64) -> Self {
        let (seen, under_way, never) = (AtomicU64::new(0), Mutex::new(JoinSet::new()), Faults::default());
        Self { every, seen, under_way, times: histogram(), never }
    }
}

/// Times one hold in N, called right after its acknowledgement.
pub(super) fn consider(stage: &Arc<Stage>, acknowledged_by: usize, session: &Session) {
    let (sampler, acknowledged) = (&stage.sampler, Instant::now());
    if sampler.every == 0
        || stage.edges.nodes() < 2
        || !sampler.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(sampler.every)
    {
        return;
    }
    let Some(Floor { sku, location: Some(location), version }) =
        session.floors.iter().find(|floor| floor.location.is_some()).cloned()
    else {
        return;
    };
    let (stage, other) = (Arc::clone(stage), (acknowledged_by + 1) % stage.edges.nodes());
    let time = async move { time(&stage, other, acknowledged, &sku, &location, version).await };
    sampler.under_way.lock().expect("no panic under this lock").spawn(time);
}

async fn time(stage: &Stage, edge: usize, acknowledged: Instant, sku: &Sku, location: &LocationId, version: Version) {
    let view = View { locations: vec![location.clone()], ..View::default() };
    while acknowledged.elapsed() < LIMIT {
        if let Ok(shown) = stage.edges.availability(sku, &view).only(edge).once().await
            && shown.value.locations.iter().any(|at| Version::parse(&at.version) >= Some(version))
        {
            let micros = u64::try_from(acknowledged.elapsed().as_micros()).unwrap_or(u64::MAX);
            stage.sampler.times.lock().expect("no panic under this lock").saturating_record(micros);
            return;
        }
        tokio::time::sleep(STEP.max(acknowledged.elapsed() / PATIENCE)).await;
    }
    let url = stage.edges.name(edge);
    stage.sampler.never.add(|| format!("{url} did not show {sku} at {location} in version {version} within {LIMIT:?}"));
}

/// Waits for the samples that are still under way.
pub(super) async fn finish(stage: &Stage) {
    let under_way = std::mem::take(&mut *stage.sampler.under_way.lock().expect("no panic under this lock"));
    under_way.join_all().await;
}
