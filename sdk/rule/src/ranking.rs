//! The `ranking` world: in which order locations serve a reservation.

use std::marker::PhantomData;

use crate::bindings::ranking::exports::onhand::rules::ranking_rule::Guest;
pub use crate::bindings::ranking::exports::onhand::rules::ranking_rule::{Location, Request};
use crate::{Config, Error, begin};

/// Decides in which order locations serve a reservation, perhaps together with other rules.
pub trait Ranking {
    /// One rank for each location, in the order given, which is the serving order.
    ///
    /// From -1,000,000,000 to 1,000,000,000: lower is better. `None` abstains: the location comes after
    /// all that are ranked, and the channel's next rule decides between those.
    ///
    /// # Errors
    /// The rule abstains from every location then; the text goes to the node's log.
    fn rank(config: &Config, request: Request, locations: Vec<Location>) -> Result<Vec<Option<i32>>, Error>;
}

#[doc(hidden)]
pub struct Registered<T>(PhantomData<T>);

impl<T: Ranking> Guest for Registered<T> {
    fn rank(request: Request, locations: Vec<Location>) -> Result<Vec<Option<i32>>, Error> {
        T::rank(&begin(), request, locations)
    }
}
