//! Deciding, pure: what becomes of one command in the state that the commands before it left.
//!
//! No I/O and no clock: the state was locked and read before, and is written afterwards. Nothing here knows how callers
//! are answered. A command first finds out all that it will do, then does it, so a refused one leaves no trace.

mod done;
mod rejection;
mod require;
mod limit;
mod allocate;
mod hold;
mod verb;
mod order;
mod ship;
mod reallocate;
mod lines;
mod stock;
mod import;
mod catalogue;
mod reconcile;

use onhand_rules::Rules;

pub use self::{
    done::{Corrected, Done, Effect, Level, RefusedRow},
    rejection::{Excess, Rejection, ShortLine, Shortage, Verb},
};
use crate::{
    command::{Ask, Command},
    state::{BatchState, Why},
};

/// A dead hold never refuses a live buyer: its allocations on the locked SKUs go first.
pub fn release_dead(state: &mut BatchState) {
    for dead in std::mem::take(&mut state.dead) {
        let why =
            Why { actor: "onhand", kind: "expire", reason: None, correlation: "", reservation: Some(dead.reservation) };
        state.change_stock(&dead.sku, &dead.location, &why, |row| row.reserved -= dead.quantity);
        state.changes.released.push(dead);
    }
}

pub fn decide(state: &mut BatchState, ask: &Ask, rules: &Rules) -> Result<Done, Rejection> {
    if let Some(message) = &state.maintenance
        && !matches!(ask.command, Command::Maintain(_) | Command::Expire(_))
    {
        return Err(Rejection::Maintenance { message: message.clone() });
    }
    match &ask.command {
        Command::PutItem(sku, item) => catalogue::put_item(state, sku, item),
        Command::DeleteItem(sku) => catalogue::delete_item(state, ask, sku),
        Command::PutLocation(id, location) => Ok(catalogue::put_location(state, id, location)),
        Command::PutChannel(id, channel) => catalogue::put_channel(state, id, channel, rules),
        Command::DeleteLocation(id) => catalogue::delete_location(state, id),
        Command::DeleteChannel(id, held) => catalogue::delete_channel(state, id, *held),
        Command::Maintain(maintenance) => Ok(catalogue::maintain(state, maintenance)),
        Command::SetStock(sku, body) => stock::set(state, ask, sku, body),
        Command::Adjust(sku, body) => stock::adjust(state, ask, sku, body),
        Command::Transfer(body) => stock::transfer(state, ask, body),
        Command::SetPolicy(sku, body) => stock::set_policy(state, ask, sku, body),
        Command::Import(rows) => Ok(import::import(state, ask, rows)),
        Command::Hold(id, body) => hold::hold(state, ask, *id, body, rules),
        Command::Order(wanted) => order::order(state, ask, wanted, rules),
        Command::Settle(settle) => order::settle(state, ask, settle),
        Command::Extend(id, body) => verb::extend(state, ask, *id, body),
        Command::Confirm(id, body) => verb::confirm(state, ask, *id, body),
        Command::Cancel(id, body) => verb::cancel(state, ask, *id, body),
        Command::Fulfil(id, body) => verb::fulfil(state, ask, *id, body),
        Command::Return(id, body) => verb::give_back(state, ask, *id, body),
        Command::SetLines(id, body) => lines::set(state, ask, *id, body, rules),
        Command::Reallocate(id, body) => reallocate::reallocate(state, ask, *id, body),
        Command::Expire(id) => verb::expire(state, ask, *id),
        Command::Reconcile(rows) => Ok(reconcile::reconcile(state, ask, rows)),
        Command::Keep(body) => Ok(Effect::Kept(body.clone()).alone()),
        Command::Recall => Err(Rejection::NothingKept),
    }
}

impl Ask {
    fn why<'a>(&'a self, kind: &'static str, reason: Option<&'a str>) -> Why<'a> {
        let reservation = match &self.command {
            Command::Hold(id, _) => Some(*id),
            Command::Order(order) => Some(order.reservation),
            command => command.reservation(),
        };
        Why { actor: &self.actor, kind, reason, correlation: &self.correlation, reservation }
    }
}

#[cfg(test)]
mod tests;
