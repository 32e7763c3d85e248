//! `onhand openapi`.

use std::process::ExitCode;

use super::Done;

pub(super) fn run() -> Done {
    println!("{}", onhand_origin::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}
