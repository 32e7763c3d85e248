//! What edge and origin both do with HTTP, each thing once. Nothing of the domain is in here.
//!
//! In reading order: settings, how connections are kept, what is read of a request and who made it, how others are
//! called, what is written to an answer.

pub mod hop;
pub mod setting;
pub mod share;

pub mod serve;
pub mod connections;
pub mod pem;
pub mod tls;
mod phase;
mod linger;
pub mod unread;

pub mod host;
pub mod correlation;
pub mod cors;
pub mod query;
pub mod body;
pub mod call;
pub mod auth;

pub mod outgoing;

pub mod problem;
pub mod actuator;
pub mod vitals;
