//! Deciding an order: its hold and its outcome in one, if it is the next of its line.

use onhand_wire::{
    order::OrderState,
    request::{Confirm, HoldPolicy},
};

use super::{Done, Effect, Rejection, hold, verb};
use crate::{
    command::{Ask, DecideOrder},
    record::OrderOutcome,
    state::BatchState,
};

use onhand_rules::Rules;

pub(super) fn order(state: &mut BatchState, ask: &Ask, wanted: &DecideOrder, rules: &Rules) -> Result<Done, Rejection> {
    let record = &*wanted.record;
    let Some(row) = state.orders.get(&record.id).cloned() else { return Err(Rejection::NotNext) };
    if row.state != OrderState::Queued {
        // Decided before: by a batch whose answer was lost, or by another replica.
        let outcome = OrderOutcome { state: row.state, reason: None, reservation: None };
        return Ok(Effect::Ordered(outcome).alone());
    }
    if state.waits_behind(&row) {
        return Err(Rejection::NotNext);
    }
    if state.now > row.decide_by {
        return Ok(end(state, wanted, OrderState::Rejected, Some("decide_by"), false));
    }
    let mut hold = record.order.hold();
    if wanted.pays {
        // What is charged is the price of the whole.
        hold.policy = HoldPolicy::All;
    }
    let held = match hold::hold(state, ask, wanted.reservation, &hold, rules) {
        Ok(held) => held,
        Err(Rejection::Short { .. }) => {
            return Ok(end(state, wanted, OrderState::SoldOut, Some("insufficient_stock"), false));
        }
        Err(rejection) => {
            let Some(reason) = at_fault(&rejection) else { return Err(rejection) };
            return Ok(end(state, wanted, OrderState::Rejected, Some(reason), false));
        }
    };
    if wanted.pays {
        state.hold_without_deadline(wanted.reservation);
        let done = end(state, wanted, OrderState::Processing, None, true);
        return Ok(Done { effect: done.effect, stocks: held.stocks });
    }
    verb::confirm(state, ask, wanted.reservation, &Confirm::default())?;
    let done = end(state, wanted, OrderState::Confirmed, None, true);
    Ok(Done { effect: done.effect, stocks: held.stocks })
}

fn end(
    state: &mut BatchState,
    wanted: &DecideOrder,
    now: OrderState,
    reason: Option<&'static str>,
    holds: bool,
) -> Done {
    let outcome = OrderOutcome { state: now, reason, reservation: holds.then_some(wanted.reservation) };
    state.settle_order(wanted.record.id, outcome.clone());
    Effect::Ordered(outcome).alone()
}

/// What the same order would be refused for again; none: another time it may be carried out.
fn at_fault(rejection: &Rejection) -> Option<&'static str> {
    Some(match rejection {
        Rejection::UnknownSku(_) => "unknown_sku",
        Rejection::UnknownLocation(_) => "unknown_location",
        Rejection::UnknownChannel(_) => "unknown_channel",
        Rejection::TooLong { .. } => "ttl_s",
        _ => return None,
    })
}
