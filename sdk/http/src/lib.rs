//! What edge and origin both do with HTTP, each thing once. This crate knows nothing about stock.
//!
//! In reading order: settings, connections, reading a request and its caller, calling others, writing an answer.

pub mod hop;
pub mod setting;
pub mod share;
pub mod rate;
pub mod breaker;

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
