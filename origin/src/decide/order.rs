//! Deciding an order: its hold and its outcome in one, if it is the next of its line.

use onhand_wire::{
    order::OrderState,
    request::{Cancel, Confirm, HoldPolicy},
};

use super::{Done, Effect, Rejection, hold, verb};
use crate::{
    command::{Ask, DecideOrder, Paid, SettleOrder},
    record::{OrderOutcome, PaymentChange, PaymentState},
    state::BatchState,
};

use onhand_rules::Rules;

pub(super) fn order(state: &mut BatchState, ask: &Ask, wanted: &DecideOrder, rules: &Rules) -> Result<Done, Rejection> {
    let record = &*wanted.record;
    let Some(row) = state.orders.get(&record.id).cloned() else { return Err(Rejection::NotNext) };
    if row.state != OrderState::Queued {
        // Decided before: by a batch whose answer was lost, or by another replica.
        let outcome = OrderOutcome { state: row.state, reason: None, reservation: None, cause: None };
        return Ok(Effect::Ordered(outcome).alone());
    }
    if state.waits_behind(&row) {
        return Err(Rejection::NotNext);
    }
    if state.now > row.decide_by {
        return Ok(end(state, wanted, OrderState::Rejected, Some("decide_by"), false));
    }
    // What costs nothing is not charged, and what has no price cannot be.
    let charged = if wanted.pays { record.amount.as_ref().filter(|amount| amount.amount > 0) } else { None };
    if wanted.pays && record.amount.is_none() {
        return Ok(end(state, wanted, OrderState::Rejected, Some("no_price"), false));
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
    if let Some(amount) = charged {
        state.begin_payment(wanted.reservation);
        let charge = PaymentChange::Charge {
            amount: amount.amount,
            currency: amount.currency.clone(),
            payment_ref: record.order.payment_ref.clone(),
            order_ref: record.order.order_ref.clone(),
            reservation: wanted.reservation,
        };
        state.changes.payments.insert(record.id, charge);
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
    let outcome = OrderOutcome { state: now, reason, reservation: holds.then_some(wanted.reservation), cause: None };
    state.settle_order(wanted.record.id, outcome.clone());
    Effect::Ordered(outcome).alone()
}

/// What a payment came to, if it is the one under way: else something was decided before, and stays.
pub(super) fn settle(state: &mut BatchState, ask: &Ask, settle: &SettleOrder) -> Result<Done, Rejection> {
    let Some(row) = state.orders.get(&settle.order).cloned() else { return Err(Rejection::NotNext) };
    if row.state != OrderState::Processing || row.charging != Some(settle.attempt) {
        let outcome = OrderOutcome { state: row.state, reason: None, reservation: None, cause: None };
        return Ok(Effect::Ordered(outcome).alone());
    }
    let (now, reason, cause, paid) = match settle.paid {
        Paid::Approved => (OrderState::Confirmed, None, None, PaymentState::Approved),
        Paid::Declined => (OrderState::PaymentFailed, Some("declined"), None, PaymentState::Declined),
        Paid::Unknown => (OrderState::DeadLettered, None, Some("payment_timeout"), PaymentState::Voiding),
    };
    state.end_payment(settle.reservation);
    let done = if settle.paid == Paid::Approved {
        verb::confirm(state, ask, settle.reservation, &Confirm::default())?
    } else {
        let reason = Some(format!("order {}: {}", settle.order, reason.or(cause).unwrap_or_default()));
        verb::cancel(state, ask, settle.reservation, &Cancel { reason })?
    };
    let change = PaymentChange::Settled { attempt: settle.attempt, state: paid };
    state.changes.payments.insert(settle.order, change);
    let outcome = OrderOutcome { state: now, reason, reservation: Some(settle.reservation), cause };
    state.settle_order(settle.order, outcome.clone());
    Ok(Done { effect: Effect::Ordered(outcome), stocks: done.stocks })
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
