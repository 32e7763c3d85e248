//! Dead letters' records, sent to their topic until they are acknowledged: row and record cannot disagree for long.

use std::{sync::Arc, time::Duration};

use super::Lanes;
use crate::store::{StoreError, orders::Letter};

const EVERY: Duration = Duration::from_millis(500);
const MOST: usize = 200;

pub(super) async fn run(lanes: Arc<Lanes>) {
    loop {
        match look(&lanes).await {
            Ok(MOST) => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "dead letters could not be looked for"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(lanes: &Lanes) -> Result<usize, StoreError> {
    let Some(topic) = &lanes.letters else { return Ok(0) };
    let letters = lanes.store.unsent_letters(MOST).await?;
    let mut sent = Vec::new();
    for letter in &letters {
        match topic.send_with(&letter.id.to_string(), &letter.record, &headers(letter)).await {
            Ok(()) => sent.push(letter.id),
            Err(error) => {
                tracing::warn!(error, id = %letter.id, "a dead letter is sent again");
                break;
            }
        }
    }
    if !sent.is_empty() {
        lanes.store.letters_sent(&sent).await?;
    }
    Ok(sent.len())
}

fn headers(letter: &Letter) -> Vec<(&'static str, String)> {
    vec![
        ("cause", letter.cause.clone()),
        ("attempts", letter.attempts.to_string()),
        ("first_seen", letter.first_seen.to_string()),
        ("fault", letter.fault.clone()),
        ("lane", letter.lane.as_str().to_owned()),
    ]
}
