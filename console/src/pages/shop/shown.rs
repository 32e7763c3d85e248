//! Availability as shoppers see it.

use onhand_wire::{
    Timestamp,
    availability::{Availability, Status},
};

use crate::{
    page::{Cell, Table, Tone},
    pages::now::ago,
};

fn mark(status: Status) -> Cell {
    match status {
        Status::InStock => Cell::mark(Tone::Good, "in stock"),
        Status::LowStock => Cell::mark(Tone::Late, "few left"),
        Status::Backorder => Cell::mark(Tone::Late, "on backorder"),
        Status::OutOfStock => Cell::mark(Tone::Bad, "sold out"),
    }
}

pub(super) fn status(stock: &Availability) -> Cell {
    match &stock.label {
        _ if !stock.active => Cell::mark(Tone::Plain, "not for sale"),
        Some(label) => Cell::mark(Tone::Plain, label.clone()),
        None => mark(stock.status),
    }
}

/// All locations together, then each.
pub(super) fn table(stock: &Availability) -> Table {
    let all = vec![Cell::text("Everywhere"), Cell::number(stock.available), status(stock), Cell::text("")];
    let rows = stock.locations.iter().map(|at| {
        let restock = at.restock_at.as_ref().map_or("", |restock| restock.as_str());
        vec![Cell::text(at.location.as_str()), Cell::number(at.available), mark(at.status), Cell::text(restock)]
    });
    Table::new("Available by location", &["Location", "Available", "Stock", "Restock"]).row(all).rows(rows)
}

/// How old what is shown is; what may be too old looks different.
pub(super) fn age(as_of: Option<Timestamp>, stale: bool) -> String {
    let age = ago(as_of);
    if stale { format!("May be out of date: as of {age}") } else { format!("As of {age}") }
}
