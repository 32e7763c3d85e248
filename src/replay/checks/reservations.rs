//! Nothing acknowledged is missing: the origin has every reservation as it was last acknowledged.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use onhand_client as client;
use tokio::{sync::Mutex, task::JoinSet};

use super::Check;
use crate::replay::{Error, books::Held, stage::Stage};

const AT_ONCE: usize = 32;

struct Reading {
    stage: Arc<Stage>,
    held: Vec<Held>,
    next: AtomicUsize,
    check: Mutex<Check>,
}

pub(super) async fn compare(stage: &Arc<Stage>) -> Result<Check, Error> {
    let check = Mutex::new(Check::new("nothing acknowledged is missing", "reservations"));
    let reading = Reading { stage: Arc::clone(stage), held: stage.books.all(), next: AtomicUsize::new(0), check };
    let reading = Arc::new(reading);
    let mut readers: JoinSet<_> = (0..AT_ONCE).map(|_| read_some(Arc::clone(&reading))).collect();
    while let Some(done) = readers.join_next().await {
        done.expect("readers don't panic")?;
    }
    Ok(Arc::into_inner(reading).expect("the readers are done").check.into_inner())
}

async fn read_some(reading: Arc<Reading>) -> Result<(), Error> {
    while let Some(held) = reading.held.get(reading.next.fetch_add(1, Ordering::Relaxed)) {
        let acknowledged = &held.lock().await.reservation;
        let found = match reading.stage.origins.reservation(acknowledged.id).await {
            Ok(reply) => Ok(reply.value),
            Err(client::Error::Problem(problem)) => Err(problem),
            Err(error) => return Err(error.into()),
        };
        let same = found
            .as_ref()
            .ok()
            .is_some_and(|found| found.state == acknowledged.state && found.lines == acknowledged.lines);
        reading.check.lock().await.compare(same, || match &found {
            Ok(found) => {
                format!("{}: {}, acknowledged {}", found.id, found.state.as_str(), acknowledged.state.as_str())
            }
            Err(problem) => format!("{}: {} {}", acknowledged.id, problem.status, problem.code),
        });
    }
    Ok(())
}
