//! Which locations serve a hold: shared out on the locked rows, as an edge proposes it on its facts.

use onhand_rules::{AllocationDecision, Rules};
use onhand_wire::{
    Channel, LocationId, Sku,
    allocate::{Left, Plan},
    request::Hold,
    reservation::Allocation,
};

use crate::{
    record::{Share, StockRow},
    state::BatchState,
};

/// The shares of each line, which may be short, and what decided them. `own`: what the reservation holds already, which
/// is not in its way.
pub(super) fn plan(
    state: &BatchState,
    hold: &Hold,
    channel: Option<&Channel>,
    rules: &Rules,
    own: &dyn Fn(&Sku, &LocationId) -> i64,
) -> (Vec<Vec<Share>>, AllocationDecision) {
    let serving = state.topology.serving(channel);
    let mut plan = Plan::new(&hold.lines, hold.destination.as_ref(), serving, |sku, location| {
        // What is not active is not to be had, wherever it lies.
        let row = state.row(sku, location).filter(|_| state.item(sku).is_some_and(|item| item.active))?;
        let of = |row: &StockRow| Left { available: row.available(), backorderable: row.backorderable() };
        match own(sku, location) {
            0 => Some(of(row)),
            own => Some(of(&StockRow { reserved: row.reserved - own, ..row.clone() })),
        }
    });
    let decided = onhand_rules::share_out(&mut plan, channel, state.now, rules, true);
    let shares = plan.into_shares().into_iter().map(|shares| shares.into_iter().map(share).collect());
    (shares.collect(), decided)
}

fn share(given: Allocation) -> Share {
    Share { location: given.location, quantity: given.quantity, shipped: 0, returned: 0 }
}
