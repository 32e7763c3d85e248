//! Calls to others: whom a client believes, and what it proves itself with.

pub mod tls;
mod client;

use std::error::Error;

pub use self::client::{HttpConnect, Outgoing};

/// An error with all its causes: the libraries' own messages leave out why.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        // Some repeat their cause in their own message.
        if !text.ends_with(&why) {
            text = format!("{text}: {why}");
        }
        cause = error.source();
    }
    text
}
