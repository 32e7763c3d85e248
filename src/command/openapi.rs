//! `onhand openapi`.

use std::{io::Write, process::ExitCode};

use super::Done;

pub(super) fn run() -> Done {
    // Whoever reads it may have enough of it before its end.
    let _closed = writeln!(std::io::stdout(), "{}", onhand_origin::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}
