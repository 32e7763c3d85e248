//! Judges what edges answer, from the outside: no I/O and no clock of its own.
//!
//! Writers report what was acknowledged, and readers what they were shown. Two rules follow from the contract:
//!
//! - **Earned.** A write's answer carries `Onhand-As-Of`, rounded up: every lookup answer with a later one reflects the
//!   write. Both times come from the origin database's clock, so it does not matter which of the two this process heard
//!   first.
//! - **Never back.** If a request is sent after a node has given an answer, that node's next answer shows no lower
//!   version of any key. Answers that overlap may come in either order.
//!
//! Read in this order: the staircase that both rules need, the reports, the checker, its result.

mod staircase;
mod told;
mod checker;
mod report;

pub use checker::Checker;
pub use report::{Figures, Report, Violation};
pub use told::{Answer, Asked, Key, Write, versions};
