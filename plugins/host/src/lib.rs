//! Loads, limits and runs rule components: used by edge, origin and the command.
//!
//! A call, in order ([`Rules::allocate`], [`Rules::rank`], [`Rules::view`], [`Rules::price`]):
//! 1. the releases in force are read (arc-swap: a swap drops no call, and no call waits for it), and one of them is
//!    chosen: the canary for its share, else the full one; a shadow is asked too, on its own thread;
//! 2. input that is too large is refused before anything is set up;
//! 3. a **fresh store**, with the deadline, the memory cap and the size limits set before the guest is instantiated, so
//!    that they apply to its start function too;
//! 4. the call itself, then the store is dropped: nothing survives it;
//! 5. the answer is checked against the input. A wrong answer is a fault like a trap or a timeout.
//!
//! Whatever goes wrong is a [`Fault`]; the caller falls back to the built-in behaviour. Calls are
//! synchronous and short (micro-seconds, at most the deadline), so they may be made from an async
//! thread. Components are compiled when they are loaded, never when they are called.
//!
//! A release comes into use in this order: its files are read ([`Config::dir`]), or it is announced and fetched
//! ([`Rules::follow`]). Its signature is judged, and whether it is older than what was in use. It is compiled within
//! limits of time and memory, run on its fixtures, and swapped in. The release before it is kept, and comes back if the
//! new one fails too often.
//!
//! The modules are in the order of their dependencies: each uses only those before it.

/// The operator's settings.
mod config;
/// Digests as text.
mod hex;

/// What rules of each world are asked, and what they may answer.
mod world;
/// How a component is compiled and called, and what a call may take.
mod sandbox;
/// The files of a release, who signed it, and when.
mod release;
/// One release: preparing it, calling it, counting its calls.
mod rule;
/// Which releases are in force, and how that changes.
mod registry;
/// How edge and origin call the rules in force.
mod serving;

pub use config::Config;
pub use registry::{
    check::CheckedRelease,
    follow::{Announcements, Origin},
    report::{ReleaseReport, RuleReport, RulesReport, TakenOut},
};
pub use release::{
    fault::{LoadError, LoadFault, SignatureError},
    name::is_name,
    package::read_release,
    signature::{ClaimedStatement, claimed, sign, sign_again, sign_withdrawal},
};
pub use rule::{
    statistics::LastFault,
    trial::{Trial, TrialOutcome, Trials},
};
pub use sandbox::{
    compile::try_compiling,
    componentize::{ComponentizeError, componentize},
    fault::ComponentFault,
};
pub use serving::{
    rules::Rules,
    share_out::{AllocationDecision, check_allocation, share_out},
};
#[cfg(fuzzing)]
pub use world::fuzzing;
pub use world::{
    World,
    allocation::{AllocationInput, AskedLine, Candidate, Offer, Plan, Planned},
    call::{RuleAnswer, RuleInput},
    captured::{CapturedCall, CapturedFault, Verbatim},
    fault::{Fault, Reason},
    fixture::{ExpectedOutcome, Fixture, FixtureError},
    limits::{INPUT_BYTES, LABEL_CHARS, LOG_BYTES, OUTPUT_BYTES},
    pricing::{Adjustment, Customer, LinePrice, Prices, PricingInput, PricingLine},
    view::{Presentation, Shown, ViewInput, ViewLocation},
};
