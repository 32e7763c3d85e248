//! The rows against what each edge answers.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use onhand_wire::{
    Fact, Sku, Timestamp,
    availability::{Answers, Availability},
    limits::QUERY_SKUS,
};
use reqwest::Method;
use serde_json::json;

use super::Check;
use crate::replay::{Error, fleet::Ask, look, seed::Key, stage::Stage};

/// How long an edge may need to catch up after the last write, faults included.
const CATCH_UP: Duration = Duration::from_secs(120);

/// Waits until every edge claims a moment after the last acknowledgement; a check for each that never does.
pub(super) async fn wait_until_past(stage: &Stage, last: Timestamp) -> Vec<Check> {
    let mut late = Vec::new();
    for edge in 0..stage.edges.len() {
        if let Err(as_of) = wait_for(stage, edge, last).await {
            let mut check = Check::new(format!("{} catches up", stage.edges.url(edge)), "edges");
            check.compare(false, || {
                format!("as of {as_of} after {CATCH_UP:?}; the last write was acknowledged as of {last}")
            });
            late.push(check);
        }
    }
    late
}

/// What it last said, if it never passed.
async fn wait_for(stage: &Stage, edge: usize, last: Timestamp) -> Result<(), String> {
    let (began, mut said) = (Instant::now(), "nothing".to_owned());
    let Some(sku) = stage.seeded.skus.first() else { return Ok(()) };
    let ask = Ask::get(look::path(sku));
    while began.elapsed() < CATCH_UP {
        match stage.edges.ask_once(edge, &ask).await {
            Ok(answer) => {
                said = answer.header("onhand-as-of").unwrap_or("nothing").to_owned();
                if Timestamp::parse(&said).is_some_and(|as_of| as_of > last) {
                    return Ok(());
                }
            }
            Err(why) => said = why,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(said)
}

pub(super) async fn compare(stage: &Stage, facts: &HashMap<Key, Fact>) -> Result<Vec<Check>, Error> {
    let mut checks = Vec::new();
    for edge in 0..stage.edges.len() {
        checks.push(compare_edge(stage, edge, facts).await?);
    }
    Ok(checks)
}

async fn compare_edge(stage: &Stage, edge: usize, facts: &HashMap<Key, Fact>) -> Result<Check, Error> {
    let mut check = Check::new(format!("rows = edge {}", stage.edges.url(edge)), "facts");
    for skus in stage.seeded.skus.chunks(QUERY_SKUS) {
        let body = json!({"skus": skus, "channel": stage.seeded.channel});
        let ask = Ask::json(Method::POST, "/v1/availability/query", &body);
        let answers: Answers = stage.edges.ask_only(edge, &ask).await?.success()?.json()?;
        let shown: HashMap<&Sku, &Availability> = answers.items.iter().map(|item| (&item.sku, item)).collect();
        for sku in skus {
            compare_sku(&mut check, stage, facts, sku, shown.get(sku).copied());
        }
    }
    Ok(check)
}

fn compare_sku(check: &mut Check, stage: &Stage, facts: &HashMap<Key, Fact>, sku: &Sku, shown: Option<&Availability>) {
    for location in stage.seeded.locations() {
        let Some(fact) = facts.get(&(sku.clone(), location.clone())) else { continue };
        let at = shown.and_then(|item| item.locations.iter().find(|at| at.location == location));
        let same = at.is_some_and(|at| at.available == fact.available() && at.version == fact.version.to_string());
        check.compare(same, || {
            let at =
                at.map_or("nothing".to_owned(), |at| format!("{} available in version {}", at.available, at.version));
            format!("{sku} at {location}: shows {at}; the row has {} in version {}", fact.available(), fact.version)
        });
    }
}
