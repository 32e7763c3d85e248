//! Calls to others: which certificates a client trusts, and how it proves who it is.

pub mod tls;
mod client;

use std::error::Error;

pub use self::client::{HttpConnect, Outgoing};

/// An error with all its causes, which the libraries' own messages leave out.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        // Some errors repeat their cause in their own message.
        if !text.ends_with(&why) {
            text = format!("{text}: {why}");
        }
        cause = error.source();
    }
    text
}
