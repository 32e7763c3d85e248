//! One write each: sent until it is definite, counted, and put into the books.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use onhand_wire::{
    LocationId, Sku,
    reservation::{Reservation, State},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Error,
    books::{Entry, Held},
    propagation,
    stage::{Stage, count},
};
use crate::fleet::{Answer, Ask};

/// Longer than any run: nothing expires meanwhile, so the books need no clock.
const TTL_S: u32 = 7 * 24 * 3600;

/// Holds lines; None when they were refused.
pub(super) async fn hold(
    stage: &Arc<Stage>,
    edge: usize,
    customer: &str,
    lines: &[(Sku, u32)],
    policy: &str,
) -> Result<Option<Held>, Error> {
    let lines: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    let body = json!({"lines": lines, "channel": stage.seeded.channel, "ttl_s": TTL_S, "policy": policy});
    let ask = Ask::json(Method::POST, "/v1/reservations", &body).once();
    let sent = Instant::now();
    let answer = stage.edges.ask(edge, &ask).await?;
    let took = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
    stage.hold_times.lock().expect("no panic under this lock").saturating_record(took);
    match answer.status {
        201 => {}
        409 if answer.problem("code") == "insufficient_stock" => {
            count(&stage.counts.refusals);
            return Ok(None);
        }
        _ => {
            unexpected(stage, &answer);
            return Ok(None);
        }
    }
    let reservation: Reservation = answer.json()?;
    count(&stage.counts.holds);
    if reservation.lines.iter().any(|line| line.quantity < line.requested) {
        count(&stage.counts.partial);
    }
    if let Some(session) = stage.books.acknowledged(&answer, &stage.checker) {
        propagation::consider(stage, answer.node, &session);
    }
    Ok(Some(stage.books.open(customer, reservation)))
}

/// What can be done to the whole of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Confirm,
    Fulfil,
    Cancel,
}

impl Verb {
    fn parts(self) -> (&'static str, State) {
        match self {
            Self::Confirm => ("confirm", State::Confirmed),
            Self::Fulfil => ("fulfil", State::Fulfilled),
            Self::Cancel => ("cancel", State::Cancelled),
        }
    }

    fn counter(self, stage: &Stage) -> &AtomicU64 {
        match self {
            Self::Confirm => &stage.counts.confirms,
            Self::Fulfil => &stage.counts.ships,
            Self::Cancel => &stage.counts.cancels,
        }
    }
}

/// False when the answer was none of a success.
pub(super) async fn advance(stage: &Stage, edge: usize, entry: &mut Entry, verb: Verb) -> Result<bool, Error> {
    let (name, state) = verb.parts();
    let path = format!("/v1/reservations/{}/{name}", entry.reservation.id);
    let callers = if verb == Verb::Fulfil { &stage.warehouse } else { &stage.edges };
    let answer = callers.ask(edge, &Ask::json(Method::POST, path, &json!({})).once()).await?;
    if answer.status != 200 {
        unexpected(stage, &answer);
        return Ok(false);
    }
    stage.books.acknowledged(&answer, &stage.checker);
    count(verb.counter(stage));
    entry.reservation = answer.json()?;
    if entry.reservation.state != state {
        let (id, is) = (entry.reservation.id, entry.reservation.state.as_str());
        stage.counts.unexpected.add(|| format!("{name} of {id} answered 200 with state {is}"));
    }
    Ok(true)
}

/// Gives shipped units of one line back to where they came from.
pub(super) async fn give_back(
    stage: &Stage,
    edge: usize,
    entry: &mut Entry,
    line: u32,
    location: &LocationId,
    units: i64,
) -> Result<(), Error> {
    let path = format!("/v1/reservations/{}/return", entry.reservation.id);
    let body = json!({"lines": [{"line": line, "quantity": units}], "location": location});
    let answer = stage.warehouse.ask(edge, &Ask::json(Method::POST, path, &body).once()).await?;
    if answer.status != 200 {
        unexpected(stage, &answer);
        return Ok(());
    }
    stage.books.acknowledged(&answer, &stage.checker);
    count(&stage.counts.returns);
    entry.reservation = answer.json()?;
    *entry.returned.entry((line, location.clone())).or_default() += units;
    Ok(())
}

fn unexpected(stage: &Stage, answer: &Answer) {
    let what =
        || format!("{}: {} {}: {}", answer.call, answer.status, answer.problem("code"), answer.problem("detail"));
    stage.counts.unexpected.add(what);
}
