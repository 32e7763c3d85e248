//! A client of Onhand's edges and origins.
//!
//! A [`Client`] calls one listener, or several that give the same answers. If a node does not answer, or says that it
//! cannot at the moment, the call goes to the next one, with the same `Idempotency-Key`, until an answer is final or
//! the client's patience is over. So a write is done once, whatever happens to its answers. Edges' public listeners
//! take lookups and reservations, origins take the rest, and edges' management listeners take calls about one node
//! ([`Client::explain`], caches).
//!
//! ```no_run
//! use onhand_client::{Client, View};
//! use onhand_wire::{Quantity, Sku, request::{Confirm, Hold, HoldLine}};
//!
//! # async fn shop() -> Result<(), Box<dyn std::error::Error>> {
//! let shop = Client::builder().url("http://127.0.0.1:8080").token_file("storefront.jwt").build()?;
//! let sku = Sku::new("22423")?;
//!
//! let shown = shop.availability(&sku, &View::default()).await?;
//! println!("{} available, as of {:?}", shown.value.available, shown.as_of);
//!
//! let line = HoldLine { sku: sku.clone(), quantity: Quantity::new(2)?, location: None };
//! match shop.hold(&Hold::of(vec![line])).key("order-7").await {
//!     Ok(held) => {
//!         let confirmed = shop.confirm(held.value.id, &Confirm::default()).await?;
//!         // This lookup shows what was just confirmed, at any edge.
//!         let session = confirmed.session.unwrap_or_default();
//!         shop.availability(&sku, &View::default()).session(&session).await?;
//!     }
//!     Err(error) if error.is("insufficient_stock") => println!("sold out: {error}"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`Call`] is made by awaiting it; before that it takes a key, a session, a deadline, or the node to ask. Its
//! [`Reply`] has the value and what the headers say of it. What can go wrong is one [`Error`].

mod problem;
mod error;
mod token;
mod file;
mod ask;
mod answer;
mod pace;
mod client;
mod builder;
mod call;

mod lookups;
mod reservations;
mod orders;
mod stock;
mod catalogue;
mod imports;
mod runbook;
mod releases;
mod trail;
mod users;
mod bulk;
mod health;
mod management;

pub use answer::{Answer, Reply, Source};
pub use ask::encode;
pub use builder::Builder;
pub use call::Call;
pub use catalogue::{Deleted, Stocked};
pub use client::{Client, Pieces};
pub use error::Error;
pub use health::{AlertingHealth, EdgeHealth, OriginHealth};
pub use imports::{FileFormat, Import, Imported, Mode, Note, OnError, Packing, RowError, Would, WouldChange};
pub use lookups::{Search, View};
pub use management::{Cleared, Info, Measured, Warm, Warmed};
pub use orders::{
    CauseOfDeath, DeadLetters, DiscardOrders, DiscardedOrders, LaneStanding, Lanes, OrderQuery, OrderRow, Replay,
    ReplayOrders, WouldReplay,
};
pub use problem::{Problem, Retry};
pub use releases::{RollBackPlan, RuleAtOrigin};
pub use reservations::Trace;
pub use runbook::{Count, Difference, Listed, LowStock, Notified, OpenLine, Reconciled, Released, Stuck};
pub use stock::{Changed, LedgerLine, Level};
pub use trail::{TrailLine, TrailQuery};
pub use users::{Invitation, Role, User};
