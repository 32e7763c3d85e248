//! The contract's sentences about stock and reservations, in the simplest code that follows them.
//!
//! Nothing here is stored that can be counted: what is reserved is summed over the open
//! reservations each time, and goods are held, given back, shipped and returned one unit after the
//! other. It knows nothing of `decide`; where the two differ, the contract says who is right.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use onhand_origin::command::Command;
use onhand_wire::{Fact, Timestamp, reservation::State};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::calls::Call;

mod hold;
mod stock;
mod verbs;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) on_hand: i64,
    pub(crate) safety_stock: i64,
    pub(crate) backorder_limit: i64,
}

impl Row {
    pub(crate) fn of(fact: &Fact) -> Self {
        let Fact { on_hand, safety_stock, backorder_limit, .. } = *fact;
        Self { on_hand, safety_stock, backorder_limit }
    }
}

#[derive(Debug, Clone)]
struct Share {
    location: String,
    quantity: i64,
    shipped: i64,
    returned: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    sku: String,
    requested: i64,
    quantity: i64,
    confirmed: i64,
    shares: Vec<Share>,
}

#[derive(Debug, Clone)]
pub(crate) struct Booking {
    pub(crate) id: Uuid,
    state: State,
    pub(crate) deadline: Timestamp,
    pub(crate) lines: Vec<Line>,
    allocated_by: String,
    /// The call that made the present state.
    made_by: String,
}

/// What an answer must have: these members with these values; it may have more.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) replayed: bool,
}

type Key = (String, String);

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: Timestamp,
    /// Whether `now` is the code's clock too, so that deadlines can be compared.
    pub(crate) timed: bool,
    /// Priority, and whether enabled.
    locations: BTreeMap<String, (i32, bool)>,
    /// Locations in serving order, and the strategy.
    channels: BTreeMap<String, (Vec<String>, String)>,
    pub(crate) items: BTreeSet<String>,
    pub(crate) rows: BTreeMap<Key, Row>,
    pub(crate) bookings: Vec<Booking>,
    kept: HashMap<String, (String, Expected)>,
}

type Decided = Result<(u16, Value), Expected>;

fn refused(status: u16, code: &str, members: Value) -> Expected {
    let mut body = json!({"code": code});
    body.as_object_mut().unwrap().extend(members.as_object().cloned().unwrap_or_default());
    Expected { status, body, replayed: false }
}

fn insufficient(lines: Vec<Value>) -> Expected {
    refused(409, "insufficient_stock", json!({"lines": lines}))
}

fn short(line: usize, sku: &str, requested: i64, available: i64) -> Value {
    json!({"line": line, "sku": sku, "requested": requested, "available": available})
}

impl Model {
    /// "The same call gets the first answer again, another one 422. Kept are 201, 202, 200 and
    /// insufficient_stock, nothing else."
    pub(crate) fn call(&mut self, call: &Call) -> Expected {
        let key = &call.ask.key;
        if let Some((first, expected)) = self.kept.get(key) {
            return match *first == call.text {
                true => Expected { replayed: true, ..expected.clone() },
                false => refused(422, "idempotency_key_reused", json!({})),
            };
        }
        let expected = match self.decide(call) {
            Ok((status, body)) => Expected { status, body, replayed: false },
            Err(refused) => refused,
        };
        let kept = expected.status < 300 || expected.body["code"] == "insufficient_stock";
        if kept && !key.is_empty() {
            self.kept.insert(key.clone(), (call.text.clone(), expected.clone()));
        }
        expected
    }

    /// The topology that is there already.
    pub(crate) fn inherit(&mut self, before: Self) {
        (self.locations, self.channels) = (before.locations, before.channels);
    }

    fn decide(&mut self, call: &Call) -> Decided {
        match &call.ask.command {
            Command::Hold(id, hold) => self.hold(*id, hold, &call.text),
            Command::Extend(id, body) => self.extend(*id, i64::from(body.ttl_s)),
            Command::Confirm(id, body) => self.confirm(*id, body, &call.text),
            Command::Cancel(id, _) => self.cancel(*id, &call.text),
            Command::Fulfil(id, body) => self.fulfil(*id, body, &call.text),
            Command::Return(id, body) => self.give_back(*id, body),
            Command::Expire(id) => self.expire(*id),
            other => self.change(other),
        }
    }

    /// "A hold that has passed its deadline counts for nothing from that moment, swept or not."
    pub(crate) fn state(&self, booking: &Booking) -> State {
        if booking.state == State::Held && booking.deadline <= self.now { State::Expired } else { booking.state }
    }

    fn is_open(&self, booking: &Booking) -> bool {
        matches!(self.state(booking), State::Held | State::Confirmed)
    }

    fn reserved(&self, sku: &str, location: &str) -> i64 {
        let open = self.bookings.iter().filter(|booking| self.is_open(booking));
        let lines = open.flat_map(|booking| &booking.lines).filter(|line| line.sku == sku);
        let shares = lines.flat_map(|line| &line.shares).filter(|share| share.location == location);
        shares.map(|share| share.quantity - share.shipped).sum()
    }

    fn row(&self, sku: &str, location: &str) -> Option<Row> {
        self.rows.get(&(sku.to_owned(), location.to_owned())).copied()
    }

    fn available(&self, sku: &str, location: &str) -> i64 {
        let reserved = self.reserved(sku, location);
        self.row(sku, location).map_or(0, |row| (row.on_hand - reserved - row.safety_stock).max(0))
    }

    /// "available includes backorder": what may be held.
    fn holdable(&self, sku: &str, location: &str) -> i64 {
        let reserved = self.reserved(sku, location);
        let most = |row: Row| (row.on_hand - reserved - row.safety_stock + row.backorder_limit).max(0);
        self.row(sku, location).map_or(0, most)
    }

    /// Every row with what is reserved of it.
    pub(crate) fn picture(&self) -> BTreeMap<Key, (Row, i64)> {
        let with = |(key, row): (&Key, &Row)| (key.clone(), (*row, self.reserved(&key.0, &key.1)));
        self.rows.iter().map(with).collect()
    }

    fn shown(&self, index: usize) -> Value {
        let booking = &self.bookings[index];
        let lines = booking.lines.iter().enumerate().map(|(number, line)| {
            let allocations =
                line.shares.iter().map(|share| json!({"location": share.location, "quantity": share.quantity}));
            json!({
                "line": number, "sku": line.sku, "requested": line.requested, "quantity": line.quantity,
                "confirmed": line.confirmed,
                "fulfilled": line.shares.iter().map(|share| share.shipped).sum::<i64>(),
                "returned": line.shares.iter().map(|share| share.returned).sum::<i64>(),
                "allocations": allocations.collect::<Vec<_>>(),
            })
        });
        let mut shown = json!({
            "id": booking.id, "state": self.state(booking).as_str(), "allocated_by": booking.allocated_by,
            "lines": lines.collect::<Vec<_>>(),
        });
        match self.state(booking) {
            State::Held if self.timed => shown["expires_at"] = json!(booking.deadline),
            State::Confirmed | State::Fulfilled => shown["expires_at"] = Value::Null,
            _ => {}
        }
        shown
    }
}
