//! What crosses a process boundary, and nothing else: no I/O, no clocks, no tasks.
//!
//! Read in this order: the words (names, quantities, time), then the idea
//! (versions, facts and their join), then what is sent (events, requests,
//! problems), then what callers carry (sessions).

pub mod limits;
mod name;
mod quantity;
mod whole;
mod time;

mod version;
pub mod fact;
mod topology;
pub mod partition;
pub mod event;
pub mod memory_log;

pub mod problem;
pub mod request;
pub mod reservation;
pub mod allocate;
pub mod availability;
pub mod quote;
pub mod order;
pub mod bulk;
pub mod l2;
pub mod judge;
pub mod explain;
pub mod release;
pub mod page;

pub mod session;
mod sees;
#[cfg(feature = "openapi")]
pub mod schema;

pub use fact::{Fact, Join, Stock};
pub use name::{ChannelId, InvalidName, LocationId, Misspelt, Sku};
pub use problem::{Code, Problem};
pub use quantity::{InvalidQuantity, Money, Quantity};
pub use sees::Sees;
pub use time::{RestockAt, Timestamp};
pub use topology::{Channel, Item, Location};
pub use version::Version;
pub use whole::whole;
