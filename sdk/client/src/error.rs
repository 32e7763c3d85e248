//! Why a call has no usable answer.

use std::{path::PathBuf, time::Duration};

use onhand_http::setting::SecretUrl;

use crate::Problem;

/// Every message says what to do. Messages show only the scheme and host of addresses, and never a token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was sent.
    #[error("{url} is not an address; write it like http://127.0.0.1:8080")]
    Address { url: SecretUrl },
    /// Nothing was sent.
    #[error("no address is given; name at least one listener")]
    NoAddress,
    /// Nothing was sent.
    #[error("{}: {source}; the token is read from there", path.display())]
    TokenFile { path: PathBuf, source: std::io::Error },
    /// Nothing was sent.
    #[error("{}: {source}; the body is read from there", path.display())]
    BodyFile { path: PathBuf, source: std::io::Error },
    /// Nothing was sent.
    #[error("{call} cannot be sent: {what}")]
    Unsendable { call: String, what: String },
    /// The certificates cannot be used.
    #[error("no client can be made: {what}; name files that can be read, with certificates in PEM")]
    Setup { what: String },
    /// It is not known whether a write was done: make the same call again with the same key.
    #[error(
        "no answer to {call} from {nodes} within {seconds:.1} s, {tries} tries (last: {last}); check that they run and \
         can be reached", nodes = nodes.join(", "), seconds = took.as_secs_f64()
    )]
    NoAnswer { call: String, nodes: Vec<String>, tries: u32, took: Duration, last: String },
    /// The node refused the call.
    #[error(transparent)]
    Problem(Box<Problem>),
    /// A write was done, although its answer is unreadable.
    #[error(
        "{call} gave an answer that this version does not understand ({what}); run the same version of onhand on both \
         sides"
    )]
    Unreadable { call: String, what: String },
}

impl Error {
    /// The node's problem, if it refused the call.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the node refused with this code, such as `insufficient_stock`.
    pub fn is(&self, code: &str) -> bool {
        self.problem().is_some_and(|problem| problem.code == code)
    }
}
