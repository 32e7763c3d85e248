//! For authors of rules: plain traits, compiled to WebAssembly with the rule.
//!
//! A rule implements [`View`], [`Allocation`], [`Ranking`] or [`Pricing`] and registers itself. That is all of it:
//!
//! ```
//! use onhand_rule::{Config, Error, View, view::{Presentation, Request, Shown, Stock}};
//!
//! /// Nobody sees more than five.
//! struct AtMostFive;
//!
//! impl View for AtMostFive {
//!     fn view(_: &Config, _: Request, stock: Stock) -> Result<Presentation, Error> {
//!         let cap = |(location, at): (u32, &onhand_rule::view::LocationStock)| Shown {
//!             location,
//!             available: at.available.min(5),
//!             backorderable: at.backorderable,
//!         };
//!         let locations = (0..).zip(&stock.locations).map(cap).collect();
//!         Ok(Presentation { locations, label: None })
//!     }
//! }
//!
//! onhand_rule::register!(view: AtMostFive);
//! # fn main() {}
//! ```
//!
//! ```
//! use onhand_rule::{Allocation, Config, Error, allocation::{AskedLine, Location, Plan, Planned, Request, SkuStock}};
//!
//! /// The first location serves every line, or the rule leaves it to the built-in strategy.
//! struct FirstOnly;
//!
//! impl Allocation for FirstOnly {
//!     fn allocate(
//!         _: &Config,
//!         _: Request,
//!         lines: Vec<AskedLine>,
//!         _: Vec<Location>,
//!         stock: Vec<SkuStock>,
//!     ) -> Result<Plan, Error> {
//!         let has = |line: &AskedLine| {
//!             let offers = stock.iter().filter(|stock| stock.sku == line.sku).flat_map(|stock| &stock.offers);
//!             offers.filter(|offer| offer.location == 0).any(|offer| offer.available >= line.quantity)
//!         };
//!         if !lines.iter().all(has) {
//!             return Err(Error::Refused("the first location has not all of it".into()));
//!         }
//!         let whole = |line: &AskedLine| Planned { line: line.line, location: 0, quantity: line.quantity };
//!         Ok(Plan { allocations: lines.iter().map(whole).collect() })
//!     }
//! }
//!
//! onhand_rule::register!(allocation: FirstOnly);
//! # fn main() {}
//! ```
//!
//! ```
//! use onhand_rule::{Config, Error, Ranking, ranking::{Location, Request}};
//!
//! /// Where shoppers collect first; the channel's next rule, or its own order, decides the rest.
//! struct PickupFirst;
//!
//! impl Ranking for PickupFirst {
//!     fn rank(_: &Config, _: Request, locations: Vec<Location>) -> Result<Vec<Option<i32>>, Error> {
//!         Ok(locations.iter().map(|location| location.pickup.then_some(0)).collect())
//!     }
//! }
//!
//! onhand_rule::register!(ranking: PickupFirst);
//! # fn main() {}
//! ```
//!
//! ```
//! use onhand_rule::{Config, Error, Pricing, pricing::{Adjustment, AskedLine, LinePrice, Request, Target}};
//!
//! /// A tenth off each unit for members.
//! struct Members;
//!
//! impl Pricing for Members {
//!     fn price(_: &Config, request: Request, lines: Vec<AskedLine>) -> Result<Vec<LinePrice>, Error> {
//!         let member = request.customer.is_some_and(|customer| customer.segment.as_deref() == Some("member"));
//!         let price = |line: AskedLine| {
//!             let unit_price = line.list_price.ok_or_else(|| Error::Refused(format!("{} has no price", line.sku)))?;
//!             let off = Adjustment { label: "Members: 10 % off".into(), target: Target::Unit, amount: -unit_price.amount / 10 };
//!             let adjustments = if member { vec![off] } else { vec![] };
//!             Ok(LinePrice { line: line.line, unit_price, adjustments })
//!         };
//!         lines.into_iter().map(price).collect()
//!     }
//! }
//!
//! onhand_rule::register!(pricing: Members);
//! # fn main() {}
//! ```
//!
//! What each type means, its units and ranges stand beside it, and in `wit/rules/since-v0.1`.
//!
//! The crate compiles for the machine at hand too, so a rule is tested by `cargo test` like any
//! function: give it a [`Config`] made of pairs, an input (the module [`testing`] has them in one line each),
//! and look at the answer.

// What the generated code calls itself by, here and in the rule's crate.
extern crate self as onhand_rule;

#[doc(hidden)]
pub mod bindings;
mod config;
mod log;

pub mod allocation;
pub mod pricing;
pub mod ranking;
pub mod testing;
pub mod view;

pub use allocation::Allocation;
pub use bindings::{
    allocation::onhand::rules::places::{Coordinates, Destination},
    view::onhand::rules::errors::Error,
};
pub use config::Config;
pub use log::{Level, log};
pub use pricing::Pricing;
pub use ranking::Ranking;
pub use view::View;

/// What each call of a component begins with.
fn begin() -> Config {
    log::log_panics();
    Config::of_host()
}

/// Makes a type the component's rule: `register!(view: T)`, `register!(allocation: T)`,
/// `register!(ranking: T)` or `register!(pricing: T)`, once.
#[macro_export]
macro_rules! register {
    (view: $rule:ty) => {
        const _: () = {
            type Component = $crate::view::Registered<$rule>;
            // Exported symbols would clash where a test links two rules, so only the component has them.
            #[cfg(target_family = "wasm")]
    $crate::bindings::view::export!(Component with_types_in $crate::bindings::view);
            let _ = ::core::mem::size_of::<Component>();
        };
    };
    (allocation: $rule:ty) => {
        const _: () = {
            type Component = $crate::allocation::Registered<$rule>;
            #[cfg(target_family = "wasm")]
    $crate::bindings::allocation::export!(Component with_types_in $crate::bindings::allocation);
            let _ = ::core::mem::size_of::<Component>();
        };
    };
    (ranking: $rule:ty) => {
        const _: () = {
            type Component = $crate::ranking::Registered<$rule>;
            #[cfg(target_family = "wasm")]
    $crate::bindings::ranking::export!(Component with_types_in $crate::bindings::ranking);
            let _ = ::core::mem::size_of::<Component>();
        };
    };
    (pricing: $rule:ty) => {
        const _: () = {
            type Component = $crate::pricing::Registered<$rule>;
            #[cfg(target_family = "wasm")]
    $crate::bindings::pricing::export!(Component with_types_in $crate::bindings::pricing);
            let _ = ::core::mem::size_of::<Component>();
        };
    };
}
