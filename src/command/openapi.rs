//! `onhand openapi`.

use std::{io::Write, process::ExitCode};

use super::Done;
use crate::openapi;

/// Print the OpenAPI document of the origin's API, or of the edge's, as each serves it at /openapi.json
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The edge's
    #[arg(long)]
    edge: bool,
}

pub(super) fn run(args: &Args) -> Done {
    let document = if args.edge {
        serde_json::to_string_pretty(&openapi::edge())?
    } else {
        onhand_origin::openapi().to_pretty_json()?
    };
    // Whoever reads it may have enough of it before its end.
    let _closed = writeln!(std::io::stdout(), "{document}");
    Ok(ExitCode::SUCCESS)
}
