//! Writes of the audit's own, and a look right after each: one unit away, and back. The first of each pair takes, so that what is
//! shown meanwhile is never more than there is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use onhand_checker::{Answer, Key, Write, versions};
use onhand_client::View;
use onhand_wire::{
    Sku,
    request::{Adjust, AdjustmentKind},
    session::Session,
};
use tokio::task::JoinSet;

use super::{Error, Stage};

const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Probes {
    stop: Arc<AtomicBool>,
    under_way: JoinSet<(u64, Vec<String>)>,
}

/// What became of them.
#[derive(Default)]
pub(super) struct Probed {
    pub pairs: u64,
    pub failures: Vec<String>,
}

pub(super) fn start(stage: &Arc<Stage>, keys: &[Key]) -> Probes {
    let (stop, mut under_way) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for key in keys {
        let (stage, stop, key) = (Arc::clone(stage), Arc::clone(&stop), key.clone());
        under_way.spawn(async move {
            let (mut pairs, mut failures) = (0, Vec::new());
            while !stop.load(Ordering::Relaxed) {
                match pair(&stage, &key).await {
                    Ok(()) => pairs += 1,
                    Err(error) => {
                        failures.push(error.to_string());
                        break;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
            (pairs, failures)
        });
    }
    Probes { stop, under_way }
}

impl Probes {
    /// Pairs under way are finished: nothing stays taken away.
    pub(super) async fn stop(mut self) -> Probed {
        self.stop.store(true, Ordering::Relaxed);
        let mut probed = Probed::default();
        while let Some(done) = self.under_way.join_next().await {
            let (pairs, failures) = done.expect("probes don't panic");
            probed.pairs += pairs;
            probed.failures.extend(failures);
        }
        probed
    }
}

async fn pair(stage: &Stage, key: &Key) -> Result<(), Error> {
    adjust(stage, key, -1).await?;
    tokio::time::sleep(PAUSE).await;
    adjust(stage, key, 1).await
}

async fn adjust(stage: &Stage, (sku, location): &Key, delta: i64) -> Result<(), Error> {
    let (kind, reason) = (AdjustmentKind::Correction, "onhand audit: one unit away, and back".to_owned());
    let written = stage.origins.adjust(sku, &Adjust { location: location.clone(), delta, kind, reason }).await?;
    let session = written.session.and_then(|token| Session::decode(&token).ok());
    if let Some((at, session)) = written.as_of.zip(session) {
        Write::of_session(&session, at).for_each(|write| stage.checker.acknowledged(&write));
    }
    join_all((0..stage.edges.nodes()).map(|edge| look(stage, edge, sku))).await;
    Ok(())
}

/// At once, when an edge that claims too much has had the least time to hear. What is shown is judged.
async fn look(stage: &Stage, edge: usize, sku: &Sku) {
    let asked = stage.checker.asking();
    let Ok(reply) = stage.edges.availability(sku, &View::default()).only(edge).once().await else { return };
    if let Some(as_of) = reply.as_of {
        let (stale, shown) = (reply.stale, versions(&[reply.value]));
        stage.checker.answered(&Answer { node: edge, asked, as_of, stale, skus: &[], shown });
    }
}
