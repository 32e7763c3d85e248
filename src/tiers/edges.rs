//! The rows against what each edge answers.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use onhand_checker::Key;
use onhand_client::{Client, View};
use onhand_wire::{
    ChannelId, Fact, Sku, Timestamp, availability::Availability, limits::QUERY_SKUS, request::AvailabilityQuery,
};

use super::{Check, Error};

/// How long an edge may need to catch up after the last write, faults included.
const CATCH_UP: Duration = Duration::from_secs(120);

/// Waits until every edge claims a moment after the last acknowledgement; a check for each that never does.
pub(crate) async fn wait_until_past(edges: &Client, skus: &[Sku], last: Timestamp) -> Vec<Check> {
    let mut late = Vec::new();
    let Some(sku) = skus.first() else { return late };
    for edge in 0..edges.nodes() {
        if let Err(as_of) = wait_for(edges, edge, sku, last).await {
            let mut check = Check::new(format!("{} catches up", edges.name(edge)), "edges");
            check.compare(false, || {
                format!("as of {as_of} after {CATCH_UP:?}; the last write was acknowledged as of {last}")
            });
            late.push(check);
        }
    }
    late
}

/// What it last said, if it never passed.
async fn wait_for(edges: &Client, edge: usize, sku: &Sku, last: Timestamp) -> Result<(), String> {
    let (began, mut said) = (Instant::now(), "nothing".to_owned());
    while began.elapsed() < CATCH_UP {
        match edges.availability(sku, &View::default()).only(edge).once().answer().await {
            Ok(answer) if answer.as_of().is_some_and(|as_of| as_of > last) => return Ok(()),
            Ok(answer) => said = answer.as_of().map_or("nothing".to_owned(), |as_of| as_of.to_string()),
            Err(why) => said = why.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(said)
}

/// Every edge's answers, through a channel or for all locations. A SKU of which the rows have nothing is left out.
pub(crate) async fn compare(
    edges: &Client,
    skus: &[Sku],
    channel: Option<&ChannelId>,
    facts: &HashMap<Key, Fact>,
) -> Result<Vec<Check>, Error> {
    let mut by_sku: HashMap<&Sku, Vec<&Fact>> = HashMap::new();
    facts.values().for_each(|fact| by_sku.entry(&fact.sku).or_default().push(fact));
    let mut checks = Vec::new();
    for edge in 0..edges.nodes() {
        let mut check = Check::new(format!("rows = edge {}", edges.name(edge)), "facts");
        for skus in skus.chunks(QUERY_SKUS) {
            let query = AvailabilityQuery { skus: skus.to_vec(), channel: channel.cloned(), locations: None };
            let answers = edges.query(&query).only(edge).await?.value;
            let shown: HashMap<&Sku, &Availability> = answers.items.iter().map(|item| (&item.sku, item)).collect();
            for fact in skus.iter().flat_map(|sku| by_sku.get(sku).into_iter().flatten()) {
                compare_fact(&mut check, fact, shown.get(&fact.sku).copied());
            }
        }
        checks.push(check);
    }
    Ok(checks)
}

fn compare_fact(check: &mut Check, fact: &Fact, shown: Option<&Availability>) {
    let (sku, location) = (&fact.sku, &fact.location);
    let at = shown.and_then(|item| item.locations.iter().find(|at| at.location == *location));
    let same = at.is_some_and(|at| at.available == fact.available() && at.version == fact.version.to_string());
    check.compare(same, || {
        let at = at.map_or("nothing".to_owned(), |at| format!("{} available in version {}", at.available, at.version));
        format!("{sku} at {location}: shows {at}; the row has {} in version {}", fact.available(), fact.version)
    });
}
