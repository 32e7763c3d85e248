//! The `pricing` world: what each line of a quote costs.

use std::marker::PhantomData;

use crate::bindings::pricing::exports::onhand::rules::pricing_rule::Guest;
pub use crate::bindings::pricing::exports::onhand::rules::pricing_rule::{
    Adjustment, AskedLine, Attribute, Customer, LinePrice, Money, Request, Target,
};
use crate::{Config, Error, begin};

/// Says what a quote's lines cost.
pub trait Pricing {
    /// One [`LinePrice`] for each line, in the request's currency. A line's total is its unit price times
    /// the quantity, and every [`Adjustment`] added; it is never below 0.
    ///
    /// # Errors
    /// The catalogue's prices hold then, or the quote is refused, as the operator has set it for the rule;
    /// the text goes to the node's log.
    fn price(config: &Config, request: Request, lines: Vec<AskedLine>) -> Result<Vec<LinePrice>, Error>;
}

#[doc(hidden)]
pub struct Registered<T>(PhantomData<T>);

impl<T: Pricing> Guest for Registered<T> {
    fn price(request: Request, lines: Vec<AskedLine>) -> Result<Vec<LinePrice>, Error> {
        T::price(&begin(), request, lines)
    }
}
