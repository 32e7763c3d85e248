//! The `allocation` world: which locations serve a reservation.

use std::marker::PhantomData;

use crate::bindings::allocation::exports::onhand::rules::allocation_rule::Guest;
pub use crate::bindings::allocation::exports::onhand::rules::allocation_rule::{
    AskedLine, Location, Offer, Plan, Planned, Request, SkuStock,
};
use crate::{Config, Error, begin};

/// Decides which locations serve a reservation.
pub trait Allocation {
    /// Shares the lines out. `locations` come in serving order; an [`Offer`] and a [`Planned`] name
    /// one by its position there.
    ///
    /// # Errors
    /// The channel's built-in strategy is used then; the text goes to the node's log.
    fn allocate(
        config: &Config,
        request: Request,
        lines: Vec<AskedLine>,
        locations: Vec<Location>,
        stock: Vec<SkuStock>,
    ) -> Result<Plan, Error>;

    /// Asked where a channel names several rules: one rank for each location, in the order given, as
    /// [`Ranking::rank`](crate::Ranking::rank).
    ///
    /// Abstains everywhere unless the rule says otherwise.
    fn rank(_config: &Config, _request: Request, locations: Vec<Location>) -> Vec<Option<i32>> {
        vec![None; locations.len()]
    }
}

#[doc(hidden)]
pub struct Registered<T>(PhantomData<T>);

impl<T: Allocation> Guest for Registered<T> {
    fn allocate(
        request: Request,
        lines: Vec<AskedLine>,
        locations: Vec<Location>,
        stock: Vec<SkuStock>,
    ) -> Result<Plan, Error> {
        T::allocate(&begin(), request, lines, locations, stock)
    }

    fn rank(request: Request, locations: Vec<Location>) -> Vec<Option<i32>> {
        T::rank(&begin(), request, locations)
    }
}
