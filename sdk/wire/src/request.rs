//! What callers send. Unknown members are refused; every fault names its field.

mod read;
mod strict;
mod limit;

mod reservations;
mod orders;
mod verbs;
mod stock;
mod catalogue;
mod operations;
mod releases;
mod lookups;
#[cfg(test)]
mod tests;

pub use catalogue::{PutChannel, PutItem, PutLocation};
pub use limit::check_text;
pub use lookups::{AskQuote, AvailabilityQuery, Customer, QuoteLine};
pub use operations::Maintenance;
pub use orders::PlaceOrder;
pub use read::{
    Check, check_idempotency_key, media_type, parse, read, require_json, reservation_id, unsupported_media_type,
};
pub use releases::{Push, RollBack};
pub use reservations::{Destination, Hold, HoldLine, HoldPolicy, SetLines};
pub use stock::{Adjust, AdjustmentKind, Merge, Policy, SetStock, Transfer};
pub use verbs::{Cancel, Confirm, Extend, Fulfil, FulfilLine, LineQuantity, Reallocate, Return};
