//! Replays of dead letters: a step of each at a time, at its rate. How far each is stands in its row, so whoever leads
//! next goes on.

use std::{sync::Arc, time::Duration};

use super::Lanes;
use crate::store::StoreError;

const EVERY: Duration = Duration::from_millis(200);

pub(super) async fn run(lanes: Arc<Lanes>) {
    loop {
        match lanes.step_replays().await {
            Ok(went) if went > 0 => lanes.wake(),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "replays of dead letters could not go on"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

impl Lanes {
    /// How many orders went back.
    pub async fn step_replays(&self) -> Result<usize, StoreError> {
        self.store.step_replays(self.decide_within()).await
    }
}
