//! `onhand openapi`.

use std::{io::Write, process::ExitCode};

use super::Done;

pub(super) fn run() -> Done {
    // The reader may close the pipe before the end.
    let _closed = writeln!(std::io::stdout(), "{}", onhand_origin::openapi().to_pretty_json()?);
    Ok(ExitCode::SUCCESS)
}
