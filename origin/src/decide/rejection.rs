//! Why a command is refused: what is short and by how much, which state, which version.

use onhand_wire::{ChannelId, InvalidName, LocationId, Sku, Version, reservation};

use crate::record::LocationUse;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    UnknownSku(Sku),
    /// No new item may be called so.
    Misspelt(Sku, InvalidName),
    UnknownLocation(LocationId),
    UnknownChannel(ChannelId),
    /// There is none, or the caller may not see it.
    NoSuchReservation,
    /// Nothing is kept under the call's key.
    NothingKept,
    Maintenance {
        message: String,
    },
    /// Units of the item are in open reservations.
    InUse {
        sku: Sku,
        reserved: i64,
    },
    /// Channels name the location, or it has goods or holds.
    PlaceInUse {
        location: LocationId,
        channels: Vec<ChannelId>,
        found: LocationUse,
    },
    /// Holds that were made for the channel.
    ChannelInUse {
        channel: ChannelId,
        held: i64,
    },
    /// A channel's allocation that no rule can carry out.
    Allocation {
        right: String,
    },
    /// The stock is not what the caller expected; without a version there is no row.
    OtherStock {
        location: LocationId,
        version: Option<Version>,
        on_hand: i64,
    },
    Short {
        of: Shortage,
        lines: Vec<ShortLine>,
    },
    TooMuch(Excess),
    WrongState {
        state: reservation::State,
        verb: Verb,
    },
    /// `index`: which of the call's lines; `last`: the reservation's last.
    NoSuchLine {
        index: Option<usize>,
        last: usize,
    },
    NothingConfirmed,
    /// An order's reservation, whose payment is under way.
    InPayment {
        state: reservation::State,
    },
    /// An order before it in its line is not decided yet, or it is in no line.
    NotNext,
    /// A hold may not last so long.
    TooLong {
        asked_s: u32,
        most_s: u64,
    },
    /// Units that the holder has open, that the hold would open, and that may be open at once.
    TooManyOpen {
        open: i64,
        more: i64,
        most: i64,
    },
}

/// What there is less of than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// To be held.
    Stock,
    /// To be confirmed.
    Held,
    LeftToShip,
    /// To be moved from where it is allocated.
    AllocatedThere,
    /// To be returned.
    Shipped,
    /// To be transferred.
    Available,
    /// To be taken away by an adjustment.
    OnHand,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortLine {
    pub line: u32,
    pub sku: Sku,
    pub requested: i64,
    pub available: i64,
}

/// What of a call would take on hand above what a quantity can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excess {
    Delta,
    Quantity,
    /// A line of a return.
    Returned {
        index: usize,
        location: LocationId,
    },
}

/// What is done to a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Extend,
    Confirm,
    Cancel,
    Fulfil,
    Return,
    SetLines,
    Reallocate,
}

impl Verb {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Extend => "extend",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::Fulfil => "fulfil",
            Self::Return => "return",
            Self::SetLines => "lines",
            Self::Reallocate => "reallocate",
        }
    }
}
