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
use onhand_wire::{Sku, Timestamp, availability::Availability, session::Session};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::Stage;
use crate::fleet::{Ask, Error, lookup};

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
    let path = format!("/inventory/products/{}/adjustments", utf8_percent_encode(sku.as_str(), NON_ALPHANUMERIC));
    let reason = "onhand audit: one unit away, and back";
    let body = json!({"location": location, "delta": delta, "kind": "correction", "reason": reason});
    let answer = stage.origins.ask(0, &Ask::json(Method::POST, path, &body).once()).await?.success()?;
    let at = answer.header("onhand-as-of").and_then(Timestamp::parse);
    let session = answer.header("onhand-session").and_then(|token| Session::decode(token).ok());
    if let Some((at, session)) = at.zip(session) {
        Write::of_session(&session, at).for_each(|write| stage.checker.acknowledged(&write));
    }
    join_all((0..stage.edges.len()).map(|edge| look(stage, edge, sku))).await;
    Ok(())
}

/// At once, when an edge that claims too much has had the least time to hear. What is shown is judged.
async fn look(stage: &Stage, edge: usize, sku: &Sku) {
    let asked = stage.checker.asking();
    let Ok(answer) = stage.edges.ask_once(edge, &Ask::get(lookup(sku))).await else { return };
    let as_of = answer.header("onhand-as-of").and_then(Timestamp::parse);
    let stale = answer.header("onhand-stale").is_some();
    if let (Some(as_of), Ok(item)) = (as_of, answer.json::<Availability>()) {
        let shown = versions(&[item]);
        stage.checker.answered(&Answer { node: edge, asked, as_of, stale, skus: &[], shown });
    }
}
