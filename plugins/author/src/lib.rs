//! For authors of rules: the functions behind `onhand rule`.
//!
//! 1. [`create`] writes a small complete project: a rule, its settings, its fixtures, the WIT;
//! 2. [`build`] builds a component, with the tools of its language, and reports its size;
//! 3. [`test`] runs its fixtures in the sandbox that edge and origin use;
//! 4. [`replay`] replays one call that a node captured, and compares the answers byte for byte;
//! 5. [`sign`] signs a release, [`release`] reads what is pushed, [`list`] shows the components in a folder.

mod error;
mod project;

mod component;

mod build;
mod cases;
mod create;
mod list;
mod release;
mod replay;
mod sign;
mod template;

pub use build::{BuiltComponent, build};
pub use cases::{FixtureResult, Measurement, TestResults, Verdict, test};
pub use create::create;
pub use error::AuthorError;
pub use list::{ListedComponent, list};
pub use project::{Lang, Project};
pub use release::{ChosenStage, release};
pub use replay::{ReplayResult, replay};
pub use sign::{SignedRelease, sequence_above, sign, sign_again, sign_withdrawal};
