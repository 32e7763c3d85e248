//! Imported rows.

use onhand_wire::{Sku, request::PutItem};

use super::{
    Done, Effect, Excess, RefusedRow, Rejection, catalogue, require,
    stock::{adjusted, merge},
};
use crate::{
    command::{Ask, ImportMode, ImportRow},
    state::BatchState,
};

/// Rows that were valid when staged; what has turned invalid since is reported.
pub(super) fn import(state: &mut BatchState, ask: &Ask, rows: &[ImportRow]) -> Done {
    let mut refused = Vec::new();
    for row in rows {
        if let Err(rejection) = import_row(state, ask, row) {
            refused.push(RefusedRow { row: row.row, rejection });
        }
    }
    // Too many facts to name them to the caller.
    Effect::Imported { applied: rows.len() - refused.len(), refused }.alone()
}

/// A row that says what is so already is applied by writing nothing: a nightly file of everything
/// costs what has changed.
fn import_row(state: &mut BatchState, ask: &Ask, row: &ImportRow) -> Result<(), Rejection> {
    let sku = name(state, row);
    if !row.create {
        require::item(state, sku)?;
    }
    require::location(state, &row.location)?;
    let held = state.row(sku, &row.location);
    let on_hand = held.map_or(0, |held| held.on_hand);
    let mut wanted = held.cloned().unwrap_or_default();
    wanted.on_hand = match row.mode {
        ImportMode::Set => row.quantity,
        ImportMode::Adjust => adjusted(on_hand, row.quantity, sku, Excess::Quantity)?,
    };
    merge(&mut wanted, &row.policy);
    let same = held == Some(&wanted);
    import_item(state, sku, row);
    if same {
        return Ok(());
    }
    let kind = if row.mode == ImportMode::Set { "import_set" } else { "import_adjust" };
    state.change_stock(sku, &row.location, &ask.why(kind, None), |held| {
        held.on_hand = wanted.on_hand;
        merge(held, &row.policy);
    });
    Ok(())
}

/// What is there under the name that the file spells keeps it; else the name is as it should be spelt.
fn name<'a>(state: &BatchState, row: &'a ImportRow) -> &'a Sku {
    row.written.as_ref().filter(|written| state.item(written).is_some()).unwrap_or(&row.sku)
}

/// Creates the item, or renames and reprices it where the file has those columns.
fn import_item(state: &mut BatchState, sku: &Sku, row: &ImportRow) {
    let held = state.item(sku);
    let says_other = held.is_none_or(|item| {
        row.name.as_ref().is_some_and(|name| *name != item.name)
            || row.brand.is_some() && row.brand != item.brand
            || row.price.is_some() && row.price != item.price
            || row.active.is_some_and(|active| active != item.active)
            || row.attributes.as_ref().is_some_and(|attributes| *attributes != item.attributes)
    });
    if !says_other {
        return;
    }
    let held = held.cloned();
    let new = PutItem {
        name: row.name.clone().or(held.as_ref().map(|item| item.name.clone())).unwrap_or_else(|| sku.to_string()),
        brand: row.brand.clone().or(held.as_ref().and_then(|item| item.brand.clone())),
        attributes: row.attributes.clone().or(held.as_ref().map(|item| item.attributes.clone())).unwrap_or_default(),
        price: row.price.clone().or(held.as_ref().and_then(|item| item.price.clone())),
        active: row.active.unwrap_or_else(|| held.as_ref().is_none_or(|item| item.active)),
    };
    state.put_item(catalogue::item(sku, new));
}
