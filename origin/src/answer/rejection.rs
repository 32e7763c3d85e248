//! The problem of each rejection.

use onhand_wire::{Code, Problem, Sku, limits};
use serde_json::{Value, json};

use crate::decide::{Excess, Rejection, ShortLine, Shortage};
use crate::record::LocationUse;

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::UnknownSku(sku) => unknown_sku(&sku),
            Rejection::Misspelt(_, right) => Self::field("sku", right),
            Rejection::UnknownLocation(location) => {
                let detail = format!("location: {location} does not exist");
                Self::new(Code::UnknownLocation, detail).with("location", location.as_str())
            }
            Rejection::UnknownChannel(channel) => {
                let detail = format!("channel: {channel} does not exist");
                Self::new(Code::UnknownChannel, detail).with("channel", channel.as_str())
            }
            Rejection::NoSuchReservation => Self::new(Code::NotFound, "no such reservation"),
            Rejection::NothingKept => Self::new(Code::NotFound, "no answer is kept under this key"),
            Rejection::Maintenance { message } => {
                let detail = "writes are paused for maintenance; reads go on";
                Self::new(Code::Maintenance, detail).with("message", message)
            }
            Rejection::InUse { sku, reserved } => {
                let detail =
                    format!("sku: {reserved} units of {sku} are in open reservations; cancel or ship them first");
                Self::new(Code::InUse, detail).with("reserved", reserved)
            }
            Rejection::PlaceInUse { location, channels, found: LocationUse { rows, on_hand, reserved } } => {
                let detail = format!(
                    "location: {location} has {on_hand} on hand and {reserved} reserved in {rows} stock rows, and serves \
                     {} channels; move or ship the goods and change the channels first",
                    channels.len()
                );
                let problem = Self::new(Code::InUse, detail).with("reserved", reserved).with("on_hand", on_hand);
                problem.with("stock_rows", rows).with("channels", json!(channels))
            }
            Rejection::ChannelInUse { channel, held } => {
                let detail = format!("channel: {held} open holds were made for {channel}; let them end first");
                Self::new(Code::InUse, detail).with("reserved", 0).with("holds", held)
            }
            Rejection::Allocation { right } => Self::field("allocation", right),
            Rejection::OtherStock { location, version, on_hand } => {
                let version = version.map(|version| version.to_string()).unwrap_or_default();
                let detail = format!("location: {location} holds {on_hand}, not what was expected; look again");
                Self::new(Code::VersionMismatch, detail).with("version", version).with("on_hand", on_hand)
            }
            Rejection::Short { of, lines } => {
                let lines: Vec<Value> = lines.iter().map(short_line).collect();
                Self::new(Code::InsufficientStock, short_of(of)).with("lines", lines)
            }
            Rejection::TooMuch(excess) => too_much(&excess),
            Rejection::WrongState { state, verb } => {
                let (present, verb) = (state.as_str(), verb.as_str());
                let detail = format!("a reservation that is {present} cannot be changed by {verb}");
                Self::new(Code::ReservationState, detail).with("state", present)
            }
            Rejection::NoSuchLine { index, last } => {
                let field = index.map_or_else(|| "line".to_owned(), |index| format!("lines[{index}].line"));
                Self::field(&field, format!("a line of the reservation, 0 to {last}"))
            }
            Rejection::InPayment { state } => {
                let detail = "it is an order's, whose payment is under way: what becomes of that settles it";
                Self::new(Code::ReservationState, detail).with("state", state.as_str())
            }
            Rejection::NotNext => Self::new(Code::InProgress, "an order before it in its line is not decided yet"),
            Rejection::NothingConfirmed => Self::field("lines", "confirm at least one unit, or cancel the reservation"),
            Rejection::TooLong { asked_s, most_s } => {
                Self::field("ttl_s", format!("a hold may last {most_s} s here at most, this one asks for {asked_s}"))
            }
            Rejection::TooManyOpen { open, more, most } => {
                let detail = format!(
                    "lines: {open} units are open, this hold would open {more} more, and {most} may be open at once; \
                     ship, cancel or let expire what is held first"
                );
                Self::new(Code::RateLimited, detail).with("limit", most).with("open", open)
            }
        }
    }
}

/// A name that nobody may give is no name of something that is missing.
fn unknown_sku(sku: &Sku) -> Problem {
    if let Err(right) = sku.check_spelling() {
        return Problem::field("sku", right);
    }
    Problem::new(Code::UnknownSku, format!("sku: {sku} is not in the catalogue")).with("sku", sku.as_str())
}

fn short_of(of: Shortage) -> &'static str {
    match of {
        Shortage::Stock => "lines: not enough stock for every line; each short line is named",
        Shortage::Held => "lines: more than is held",
        Shortage::LeftToShip => "lines: more than is left to ship, or than is on hand where it is held",
        Shortage::AllocatedThere => "quantity: more than the line has at `from` and has not shipped",
        Shortage::Shipped => "lines: more than was shipped",
        Shortage::Available => "quantity: more than is available at `from`",
        Shortage::OnHand => "delta: on hand cannot go below zero",
    }
}

fn short_line(short: &ShortLine) -> Value {
    let ShortLine { line, sku, requested, available } = short;
    json!({"line": line, "sku": sku, "requested": requested, "available": available})
}

/// On hand cannot go above what a quantity can be.
fn too_much(excess: &Excess) -> Problem {
    let most = limits::QUANTITY;
    match excess {
        Excess::Delta => Problem::field("delta", format!("on hand cannot go above {most}")),
        Excess::Quantity => Problem::field("quantity", format!("on hand cannot go above {most}")),
        Excess::Returned { index, location } => {
            let right = format!("on hand at {location} cannot go above {most}");
            Problem::field(&format!("lines[{index}].quantity"), right)
        }
    }
}
