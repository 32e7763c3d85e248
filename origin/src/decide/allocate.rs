//! Which locations serve a hold: shared out on the locked rows, as an edge proposes it on its facts.

use onhand_rules::{AllocationDecision, Rules};
use onhand_wire::{
    Channel,
    allocate::{Left, Plan},
    request::Hold,
    reservation::Allocation,
};

use crate::{record::Share, state::BatchState};

/// The shares of each line, which may be short, and what decided them.
pub(super) fn plan(
    state: &BatchState,
    hold: &Hold,
    channel: Option<&Channel>,
    rules: &Rules,
) -> (Vec<Vec<Share>>, AllocationDecision) {
    let serving = state.topology.serving(channel);
    let mut plan = Plan::new(&hold.lines, hold.destination.as_ref(), serving, |sku, location| {
        let row = state.row(sku, location)?;
        Some(Left { available: row.available(), backorderable: row.backorderable() })
    });
    let decided = onhand_rules::share_out(&mut plan, channel, state.now, rules, true);
    let shares = plan.into_shares().into_iter().map(|shares| shares.into_iter().map(share).collect());
    (shares.collect(), decided)
}

fn share(given: Allocation) -> Share {
    Share { location: given.location, quantity: given.quantity, shipped: 0, returned: 0 }
}
