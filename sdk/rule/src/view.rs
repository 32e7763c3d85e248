//! The `view` world: how one SKU's stock is shown.

use std::marker::PhantomData;

use crate::bindings::view::exports::onhand::rules::view_rule::Guest;
pub use crate::bindings::view::exports::onhand::rules::view_rule::{
    LocationStock, Presentation, Request, Shown, Stock,
};
use crate::{Config, Error, begin};

/// Caps, hides, buffers or buckets what a channel sees.
pub trait View {
    /// What is shown; the host refuses more than there is, and locations that it did not name.
    ///
    /// # Errors
    /// The plain facts are shown then; the text goes to the node's log.
    fn view(config: &Config, request: Request, stock: Stock) -> Result<Presentation, Error>;
}

#[doc(hidden)]
pub struct Registered<T>(PhantomData<T>);

impl<T: View> Guest for Registered<T> {
    fn view(request: Request, stock: Stock) -> Result<Presentation, Error> {
        T::view(&begin(), request, stock)
    }
}
