//! How far the lanes have come, looked up at most so often, however many ask.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use onhand_wire::order::{LaneStanding, PartitionStanding, Standing};
use tokio::sync::Mutex;

use crate::store::{Store, StoreError, orders::LaneRow};

/// Counting what waits costs the more, the more waits.
const FRESH_FOR: Duration = Duration::from_millis(700);

pub(super) struct Board {
    store: Arc<dyn Store>,
    last: Mutex<Option<(Instant, Arc<Vec<LaneRow>>)>>,
}

impl Board {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, last: Mutex::default() }
    }

    pub(super) async fn rows(&self) -> Result<Arc<Vec<LaneRow>>, StoreError> {
        let mut last = self.last.lock().await;
        if let Some((at, rows)) = &*last
            && at.elapsed() < FRESH_FOR
        {
            return Ok(rows.clone());
        }
        let rows = Arc::new(self.store.lane_rows().await?);
        *last = Some((Instant::now(), rows.clone()));
        Ok(rows)
    }

    /// What was looked up before no longer counts.
    pub(super) async fn forget(&self) {
        *self.last.lock().await = None;
    }
}

/// As edges are told it.
pub(super) fn standing(rows: &[LaneRow]) -> Standing {
    Standing { lanes: rows.iter().map(lane).collect() }
}

fn lane(row: &LaneRow) -> LaneStanding {
    let most = row.partitions.iter().map(|partition| partition.partition).max().unwrap_or(-1);
    let mut partitions = vec![PartitionStanding::default(); usize::try_from(most + 1).unwrap_or_default()];
    for of in &row.partitions {
        partitions[of.partition as usize] = PartitionStanding {
            taken: of.next,
            undecided: u64::try_from(of.undecided).unwrap_or_default(),
            first_undecided: of.first_undecided,
            end: of.next,
        };
    }
    LaneStanding { lane: row.lane, topic: row.topic.clone(), paused: row.paused, rate: row.rate, partitions }
}
