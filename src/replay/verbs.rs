//! One write each: sent until its answer is final, counted, and entered in the books.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use onhand_client::{self as client, Reply};
use onhand_wire::{
    LocationId, Quantity, Sku,
    request::{Cancel, Confirm, Fulfil, Hold, HoldLine, HoldPolicy, LineQuantity, Return},
    reservation::{Reservation, State},
};
use uuid::Uuid;

use super::{
    Error,
    books::{Entry, Held},
    propagation,
    stage::{Stage, count},
};

/// Longer than any run: nothing expires meanwhile, so the books need no clock.
const TTL_S: u32 = 7 * 24 * 3600;

type Answered = Result<Reply<Reservation>, client::Error>;

/// Holds lines; None when they were refused.
pub(super) async fn hold(
    stage: &Arc<Stage>,
    edge: usize,
    customer: &str,
    lines: &[(Sku, u32)],
    policy: HoldPolicy,
) -> Result<Option<Held>, Error> {
    let lines =
        lines.iter().map(|(sku, units)| HoldLine { sku: sku.clone(), quantity: units_of(*units), location: None });
    let channel = Some(stage.seeded.channel.clone());
    let hold = Hold { channel, ttl_s: TTL_S, policy, ..Hold::of(lines.collect()) };
    let sent = Instant::now();
    let answered = stage.edges.hold(&hold).starting_at(edge).await;
    if !matches!(answered, Err(client::Error::NoAnswer { .. })) {
        let took = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
        stage.hold_times.lock().expect("no panic under this lock").saturating_record(took);
    }
    if answered.as_ref().is_err_and(|error| error.is("insufficient_stock")) {
        count(&stage.counts.refusals);
        return Ok(None);
    }
    let Some(held) = expected(stage, answered)? else { return Ok(None) };
    count(&stage.counts.holds);
    if held.value.lines.iter().any(|line| line.quantity < line.requested) {
        count(&stage.counts.partial);
    }
    if let Some(session) = stage.books.acknowledged(&held, &stage.checker) {
        propagation::consider(stage, held.node, &session);
    }
    Ok(Some(stage.books.open(customer, held.value)))
}

/// 0, which no call accepts, if it is beyond the limit of quantities.
fn units_of(units: u32) -> Quantity {
    Quantity::new(units).unwrap_or_default()
}

/// What can be done to a whole reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Confirm,
    Fulfil,
    Cancel,
}

impl Verb {
    /// The state that it leads to.
    fn state(self) -> State {
        match self {
            Self::Confirm => State::Confirmed,
            Self::Fulfil => State::Fulfilled,
            Self::Cancel => State::Cancelled,
        }
    }

    async fn ask(self, stage: &Stage, edge: usize, id: Uuid) -> Answered {
        let call = match self {
            Self::Confirm => stage.edges.confirm(id, &Confirm::default()),
            Self::Fulfil => stage.warehouse.fulfil(id, &Fulfil::default()),
            Self::Cancel => stage.edges.cancel(id, &Cancel::default()),
        };
        call.starting_at(edge).await
    }

    fn counter(self, stage: &Stage) -> &AtomicU64 {
        match self {
            Self::Confirm => &stage.counts.confirms,
            Self::Fulfil => &stage.counts.ships,
            Self::Cancel => &stage.counts.cancels,
        }
    }
}

/// False if the call did not succeed.
pub(super) async fn advance(stage: &Stage, edge: usize, entry: &mut Entry, verb: Verb) -> Result<bool, Error> {
    let answered = verb.ask(stage, edge, entry.reservation.id).await;
    let Some(written) = expected(stage, answered)? else { return Ok(false) };
    stage.books.acknowledged(&written, &stage.checker);
    count(verb.counter(stage));
    entry.reservation = written.value;
    if entry.reservation.state != verb.state() {
        let (id, is) = (entry.reservation.id, entry.reservation.state.as_str());
        stage.counts.unexpected.add(|| format!("{verb:?} of {id} answered 200 with state {is}"));
    }
    Ok(true)
}

/// Returns shipped units of one line to their location.
pub(super) async fn give_back(
    stage: &Stage,
    edge: usize,
    entry: &mut Entry,
    line: u32,
    location: &LocationId,
    units: i64,
) -> Result<(), Error> {
    let lines = vec![LineQuantity { line, quantity: Quantity::try_from(units).unwrap_or_default() }];
    let goods = Return { lines, location: Some(location.clone()) };
    let answered = stage.warehouse.return_goods(entry.reservation.id, &goods).starting_at(edge).await;
    let Some(written) = expected(stage, answered)? else { return Ok(()) };
    stage.books.acknowledged(&written, &stage.checker);
    count(&stage.counts.returns);
    entry.reservation = written.value;
    *entry.returned.entry((line, location.clone())).or_default() += units;
    Ok(())
}

/// `None` for an unexpected refusal, which is counted.
fn expected(stage: &Stage, answered: Answered) -> Result<Option<Reply<Reservation>>, Error> {
    match answered {
        Ok(reply) => Ok(Some(reply)),
        Err(client::Error::Problem(problem)) => {
            stage.counts.unexpected.add(|| problem.to_string());
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
