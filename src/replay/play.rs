//! The callers: each takes the next order of the stream and carries it out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_wire::{LocationId, Sku, limits, request::HoldPolicy, reservation::State};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;

use super::{
    Error,
    books::{Entry, Held},
    orders::{Order, Orders},
    stage::{Stage, count},
    verbs::{self, Verb},
};
use crate::progress::Progress;

/// Hands out the stream: in order, and no faster than asked.
struct Stream {
    orders: Arc<Orders>,
    next: AtomicUsize,
    lines: AtomicUsize,
    began: Instant,
    lines_per_s: Option<u32>,
}

impl Stream {
    async fn next(&self) -> Option<(usize, &Order)> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let order = self.orders.list.get(index)?;
        let before = self.lines.fetch_add(order.lines.len(), Ordering::Relaxed);
        if let Some(rate) = self.lines_per_s {
            let due = self.began + Duration::from_secs_f64(before as f64 / f64::from(rate));
            tokio::time::sleep_until(due.into()).await;
        }
        Some((index, order))
    }
}

/// Plays the whole stream; returns how long it took.
pub(super) async fn play(stage: &Arc<Stage>, orders: &Arc<Orders>, callers: u16, lines_per_s: Option<u32>) -> Duration {
    let (orders, next, lines, began) = (Arc::clone(orders), AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    let progress = Arc::new(Progress::new("order lines played", orders.lines()));
    let stream = Arc::new(Stream { orders, next, lines, began, lines_per_s });
    let mut at_work = JoinSet::new();
    for _ in 0..callers {
        let (stage, stream, progress) = (Arc::clone(stage), Arc::clone(&stream), Arc::clone(&progress));
        at_work.spawn(async move {
            while let Some((index, order)) = stream.next().await {
                if let Err(error) = see_through(&stage, index, order).await {
                    stage.unanswered(&error);
                }
                progress.add(order.lines.len());
            }
        });
    }
    at_work.join_all().await;
    began.elapsed()
}

async fn see_through(stage: &Arc<Stage>, index: usize, order: &Order) -> Result<(), Error> {
    if order.cancellation {
        for (sku, quantity) in &order.lines {
            take_back(stage, index, &order.customer, sku, i64::from(*quantity)).await?;
        }
        return Ok(());
    }
    for lines in order.lines.chunks(limits::RESERVATION_LINES) {
        sell(stage, index, order, lines).await?;
    }
    Ok(())
}

/// The verbs for a hold, chosen by the order's number, so that every run does the same.
fn verbs_of(rng: &mut StdRng) -> &'static [Verb] {
    match rng.random_range(0..100) {
        0..8 => &[Verb::Cancel],
        8..13 => &[],
        13..20 => &[Verb::Confirm, Verb::Cancel],
        20..35 => &[Verb::Confirm],
        _ => &[Verb::Confirm, Verb::Fulfil],
    }
}

async fn sell(stage: &Arc<Stage>, index: usize, order: &Order, lines: &[(Sku, u32)]) -> Result<(), Error> {
    let mut rng = StdRng::seed_from_u64(index as u64);
    let mut held = verbs::hold(stage, index, &order.customer, lines, HoldPolicy::All).await?;
    if held.is_none() && rng.random_ratio(1, 3) {
        held = verbs::hold(stage, index, &order.customer, lines, HoldPolicy::Partial).await?;
    }
    let Some(held) = held else { return Ok(()) };
    for (step, verb) in verbs_of(&mut rng).iter().enumerate() {
        // Each step goes through another edge; a cancellation of the stream may have come in between.
        let mut entry = held.lock().await;
        let open = matches!(entry.reservation.state, State::Held | State::Confirmed);
        if !open || !verbs::advance(stage, index + step + 1, &mut entry, *verb).await? {
            break;
        }
    }
    Ok(())
}

/// Returns shipped goods and cancels what isn't shipped yet, the customer's own order first.
async fn take_back(stage: &Stage, index: usize, customer: &str, sku: &Sku, units: i64) -> Result<(), Error> {
    let candidates = stage.books.with_sku(sku);
    for own in [true, false] {
        for held in &candidates {
            if take_back_from(stage, index, held, own.then_some(customer), sku, units).await? {
                return Ok(());
            }
        }
    }
    count(&stage.counts.nothing_to_return);
    Ok(())
}

/// False when this reservation has nothing to give back.
async fn take_back_from(
    stage: &Stage,
    index: usize,
    held: &Held,
    customer: Option<&str>,
    sku: &Sku,
    units: i64,
) -> Result<bool, Error> {
    // An order that another caller is working on is skipped: waiting for it would only cost time.
    let Ok(mut entry) = held.try_lock() else { return Ok(false) };
    if customer.is_some_and(|customer| customer != entry.customer) {
        return Ok(false);
    }
    match entry.reservation.state {
        State::Held | State::Confirmed => verbs::advance(stage, index, &mut entry, Verb::Cancel).await,
        State::Cancelled | State::Expired => Ok(false),
        State::Fulfilled => {
            let Some((line, location, most)) = returnable(&entry, sku) else { return Ok(false) };
            verbs::give_back(stage, index, &mut entry, line, &location, units.min(most)).await?;
            Ok(true)
        }
    }
}

/// A shipped part of this SKU that has not all been returned: its line, its location, how many.
fn returnable(entry: &Entry, sku: &Sku) -> Option<(u32, LocationId, i64)> {
    let lines = entry.reservation.lines.iter().filter(|line| line.sku == *sku);
    let parts = lines.flat_map(|line| line.allocations.iter().map(move |part| (line.line, part)));
    let left = parts.map(|(line, part)| {
        let back = entry.returned.get(&(line, part.location.clone())).copied().unwrap_or_default();
        (line, part.location.clone(), part.quantity - back)
    });
    left.into_iter().find(|(_, _, units)| *units > 0)
}
