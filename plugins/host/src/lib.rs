//! Loads, limits and runs rule components: used by edge, origin and the command.
//!
//! A call, in order ([`Rules::allocate`], [`Rules::rank`], [`Rules::view`], [`Rules::price`]):
//! 1. the releases in force are read (arc-swap: a swap drops no call and none waits for it), and one of them
//!    is chosen: the canary for its share, else the full one; a shadow is asked besides, on its own thread;
//! 2. input that is too large is refused before anything is set up;
//! 3. a **fresh store**, with the deadline, the memory cap and the size limits set before the guest
//!    is instantiated, so that its start function is held to them too;
//! 4. the call itself, then the store is dropped: nothing survives it;
//! 5. the answer is checked against the input. A wrong answer is a fault like a trap or a timeout.
//!
//! Whatever goes wrong is a [`Fault`]; the caller falls back to the built-in behaviour. Calls are
//! synchronous and short (micro-seconds, at most the deadline), so they may be made from an async
//! thread. Components are compiled when they are loaded, never when they are called.
//!
//! A release gets there in this order: its files are read ([`Config::dir`]), or it is announced and fetched
//! ([`Rules::follow`]); its signature is judged, and whether it is older than what was in use; it is compiled within bounds of time and memory, tried on its
//! fixtures, and swapped in; the one before it is kept, and comes back when it fails too often.

mod config;
mod fault;
mod hex;

mod allocation;
mod pricing;
mod view;

mod call;
mod fixture;

mod sandbox;
mod state;
mod wasi;
mod since_v0_1;

mod componentize;
mod compile;
mod statement;
mod signature;
mod marks;
mod load;
mod release;

mod meter;
mod record;
mod samples;
mod rule;

mod slot;
mod placing;
mod shadow;
mod shared;
mod watch;
mod pushed;
mod cache;
mod follow;
mod report;
mod rules;
mod serving;
mod trial;

#[cfg(test)]
mod properties;
#[cfg(fuzzing)]
pub mod fuzzing;

pub use allocation::{AllocationInput, AskedLine, Candidate, Offer, Plan, Planned};
pub use call::{Answer, Input, World};
pub use compile::try_compiling;
pub use componentize::{ComponentizeError, componentize};
pub use config::Config;
pub use fault::{Fault, Reason};
pub use fixture::{Captured, CapturedFault, Expected, Fixture, FixtureError, Verbatim};
pub use follow::{Announcements, Origin};
pub use load::{LoadError, LoadFault, is_name, read_release};
pub use pricing::{Adjustment, Customer, LinePrice, Prices, PricingInput, PricingLine};
pub use pushed::Checked;
pub use record::LastFault;
pub use report::{ReleaseReport, Report, RuleReport, TakenOut};
pub use rules::Rules;
pub use serving::{Decided, check_allocation, share_out};
pub use signature::{Claimed, SignatureError, claimed, sign, sign_again, sign_withdrawal};
pub use trial::{Ran, Trial, Trials};
pub use view::{Presentation, Shown, ViewInput, ViewLocation};

/// Most bytes that a call gives to a rule: names and texts, and what the records around them take.
pub const INPUT_BYTES: usize = 128 << 10;
/// Most bytes that a rule gives to the host at once: its answer, or one line of log.
pub const OUTPUT_BYTES: usize = 20 << 10;
/// Bytes of log that are kept of one call.
pub const LOG_BYTES: usize = 1000;
/// Longest label of a presentation or an adjustment, in characters.
pub const LABEL_CHARS: usize = 64;
