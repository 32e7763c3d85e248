//! What the origin keeps: rows, and the reservation with what each location still owes it.

use onhand_rules::CapturedCall;
use onhand_wire::{
    ChannelId, Fact, Item, LocationId, RestockAt, Sku, Timestamp, Version,
    order::{Lane, OrderState},
    reservation::{Allocation, Line, Reservation, State},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A row of `inventory_items`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StockRow {
    pub on_hand: i64,
    pub reserved: i64,
    pub safety_stock: i64,
    pub backorder_limit: i64,
    pub low_stock_at: i64,
    pub restock_at: Option<RestockAt>,
    pub seq: u64,
    pub changed_at: Timestamp,
    pub deleted: bool,
}

/// What a ledger line says about a row besides its quantities: selling policy, and whether it was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StockPolicy {
    pub safety_stock: i64,
    pub backorder_limit: i64,
    pub low_stock_at: i64,
    pub restock_at: Option<RestockAt>,
    pub deleted: bool,
}

impl StockRow {
    pub fn policy(&self) -> StockPolicy {
        StockPolicy {
            safety_stock: self.safety_stock,
            backorder_limit: self.backorder_limit,
            low_stock_at: self.low_stock_at,
            restock_at: self.restock_at.clone(),
            deleted: self.deleted,
        }
    }

    pub fn fact(&self, sku: &Sku, location: &LocationId, term: u16) -> Fact {
        Fact {
            sku: sku.clone(),
            location: location.clone(),
            on_hand: self.on_hand,
            reserved: self.reserved,
            safety_stock: self.safety_stock,
            backorder_limit: self.backorder_limit,
            low_stock_at: self.low_stock_at,
            restock_at: self.restock_at.clone(),
            version: Version::new(term, self.seq),
            changed_at: self.changed_at,
            deleted: self.deleted,
        }
    }

    /// max(0, on hand − reserved − safety stock).
    pub fn available(&self) -> i64 {
        if self.deleted { 0 } else { (self.on_hand - self.reserved - self.safety_stock).max(0) }
    }

    /// What may be held beyond `available`.
    pub fn backorderable(&self) -> i64 {
        let holdable = self.on_hand - self.reserved - self.safety_stock + self.backorder_limit;
        if self.deleted { 0 } else { holdable.max(0) - self.available() }
    }
}

/// What lies at a location and is held there: in how many stock rows, and how many units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LocationUse {
    pub rows: i64,
    pub on_hand: i64,
    pub reserved: i64,
}

/// A row of `products`; its version's term is the present one.
pub type ItemRow = Item;

/// What one location gives to a line. Whole units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub location: LocationId,
    pub quantity: i64,
    #[serde(default)]
    pub shipped: i64,
    #[serde(default)]
    pub returned: i64,
}

impl Share {
    pub fn open(&self) -> i64 {
        self.quantity - self.shipped
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationLine {
    pub sku: Sku,
    pub requested: i64,
    pub quantity: i64,
    pub confirmed: i64,
    pub shares: Vec<Share>,
}

/// A reservation with all that later verbs need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationRecord {
    pub id: Uuid,
    pub state: State,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// Absent before it is confirmed, and for reservations that were confirmed before this was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Timestamp>,
    pub order_ref: Option<String>,
    pub channel: Option<ChannelId>,
    pub allocated_by: String,
    /// The rules that were asked, each with its input and its answer or fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<CapturedCall>,
    pub lines: Vec<ReservationLine>,
    /// Digest of the call that led to the current state: repeating it changes nothing.
    #[serde(default)]
    pub made_by: Option<String>,
    /// Its owner (`auth.owner_claim`); callers who see only another owner's reservations do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whose open units it counts for, if they were limited when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// An order's, whose payment is under way: until that is settled nothing else confirms it or gives it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_payment: bool,
}

/// A row of `orders`, as far as deciding it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderInLine {
    pub lane: Lane,
    /// Of its first line.
    pub sku: String,
    pub seq: i64,
    pub state: OrderState,
    /// It has left its line, and is tried by itself.
    pub aside: bool,
    /// Undecided by then, it is rejected.
    pub decide_by: Timestamp,
    /// The attempt of its payment that is under way.
    pub charging: Option<i32>,
}

/// What was decided of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderOutcome {
    pub state: OrderState,
    pub reason: Option<&'static str>,
    pub reservation: Option<Uuid>,
    /// Of a dead letter.
    pub cause: Option<&'static str>,
}

/// What is to be written of an order's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentChange {
    /// It is to be charged, as the next attempt.
    Charge { amount: i64, currency: String, payment_ref: Option<String>, order_ref: Option<String>, reservation: Uuid },
    /// The attempt is now in this state.
    Settled { attempt: i32, state: PaymentState },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentState {
    Charging,
    Approved,
    Declined,
    Voiding,
    Voided,
}

impl PaymentState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charging => "charging",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Voiding => "voiding",
            Self::Voided => "voided",
        }
    }
}

/// One open allocation: a row of `allocations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAllocation {
    pub reservation: Uuid,
    pub line: u32,
    pub sku: Sku,
    pub location: LocationId,
    pub quantity: i64,
    pub expires_at: Option<Timestamp>,
}

impl ReservationRecord {
    /// Past its deadline a hold is expired, whatever its row says.
    pub fn state_at(&self, now: Timestamp) -> State {
        match (self.state, self.expires_at) {
            (State::Held, Some(deadline)) if deadline <= now => State::Expired,
            (state, _) => state,
        }
    }

    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.lines.iter().map(|line| &line.sku)
    }

    /// What it holds, as rows of `allocations`; nothing once it is closed.
    pub fn open(&self) -> Vec<OpenAllocation> {
        if !matches!(self.state, State::Held | State::Confirmed) {
            return Vec::new();
        }
        let rows = self.lines.iter().zip(0..).flat_map(|(line, number)| {
            line.shares.iter().filter(|share| share.open() > 0).map(move |share| OpenAllocation {
                reservation: self.id,
                line: number,
                sku: line.sku.clone(),
                location: share.location.clone(),
                quantity: share.open(),
                expires_at: self.expires_at,
            })
        });
        rows.collect()
    }

    /// Units that it holds, deadline or not, until it is closed.
    pub fn open_units(&self) -> i64 {
        self.open().iter().map(|open| open.quantity).sum()
    }

    /// As callers see it at `now`.
    pub fn shown(&self, now: Timestamp) -> Reservation {
        Reservation {
            id: self.id,
            state: self.state_at(now),
            expires_at: self.expires_at,
            created_at: self.created_at,
            order_ref: self.order_ref.clone(),
            channel: self.channel.clone(),
            lines: self.lines.iter().zip(0..).map(|(line, number)| line.shown(number)).collect(),
            allocated_by: self.allocated_by.clone(),
        }
    }
}

impl ReservationLine {
    pub fn shipped(&self) -> i64 {
        self.shares.iter().map(|share| share.shipped).sum()
    }

    pub fn returned(&self) -> i64 {
        self.shares.iter().map(|share| share.returned).sum()
    }

    fn shown(&self, number: u32) -> Line {
        let allocations =
            self.shares.iter().map(|share| Allocation { location: share.location.clone(), quantity: share.quantity });
        Line {
            line: number,
            sku: self.sku.clone(),
            requested: self.requested,
            quantity: self.quantity,
            confirmed: self.confirmed,
            fulfilled: self.shipped(),
            returned: self.returned(),
            allocations: allocations.collect(),
        }
    }
}
