//! What a command did.

use onhand_wire::{Channel, Fact, Item, Location, LocationId, Sku, Stock, request, reservation::Reservation};

use super::Rejection;
use crate::record::OrderOutcome;

#[derive(Debug)]
pub struct Done {
    pub effect: Effect,
    /// The facts and items that it changed, as they are now.
    pub stocks: Vec<Stock>,
}

#[derive(Debug)]
pub enum Effect {
    /// `before` is `None` where it was made.
    Item {
        before: Option<Item>,
        now: Item,
    },
    ItemDeleted {
        before: Item,
    },
    Location {
        before: Option<Location>,
        now: Location,
    },
    Channel {
        before: Option<Channel>,
        now: Channel,
    },
    LocationDeleted {
        before: Location,
    },
    ChannelDeleted {
        before: Channel,
    },
    /// `before` is the message, if maintenance was on already.
    Maintenance {
        before: Option<String>,
        now: request::Maintenance,
    },
    /// The facts that a stock call changed, in the call's order.
    Stock {
        sku: Sku,
        facts: Vec<Fact>,
    },
    Imported {
        applied: usize,
        refused: Vec<RefusedRow>,
    },
    /// The rows that were wrong; the others stay as they are.
    Reconciled(Vec<Corrected>),
    /// A reservation that was made.
    Held(Reservation),
    /// A reservation as it is after a verb.
    Reservation(Reservation),
    /// What became of an order.
    Ordered(OrderOutcome),
    /// The answer of a call that was more than one command.
    Kept(String),
}

/// A row of an import that could not be applied.
#[derive(Debug)]
pub struct RefusedRow {
    /// The line in the file.
    pub row: u64,
    pub rejection: Rejection,
}

/// On hand and reserved.
pub type Level = (i64, i64);

/// A row that was set right.
#[derive(Debug, PartialEq, Eq)]
pub struct Corrected {
    pub sku: Sku,
    pub location: LocationId,
    pub before: Level,
    pub after: Level,
}

impl Effect {
    /// Where the answer names no changed facts or items.
    pub(super) fn alone(self) -> Done {
        Done { effect: self, stocks: Vec::new() }
    }
}
