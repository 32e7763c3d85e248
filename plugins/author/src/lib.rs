//! For rule authors: what `onhand rule` calls.
//!
//! 1. [`create`] writes a small complete project: a rule, its settings, its fixtures, the WIT;
//! 2. [`build`] makes it a component, by the tools of its language, and tells its size;
//! 3. [`test`] plays its fixtures in the sandbox that edge and origin use;
//! 4. [`replay`] plays one call that a node captured, and compares the answers byte for byte;
//! 5. [`sign`] says who releases what, and after what; [`release`] is what is pushed; [`list`] tells what a folder of components has.

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

pub use build::{Built, build};
pub use cases::{Case, Measured, Tests, Verdict, test};
pub use create::create;
pub use error::AuthorError;
pub use list::{Listed, list};
pub use project::{Lang, Project};
pub use release::{Staged, release};
pub use replay::{Replayed, replay};
pub use sign::{Signed, sequence_above, sign, sign_again, sign_withdrawal};
