//! Logs go to stderr; stdout belongs to the command's answer.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Format, Log};

/// JSON for machines, text for people; `auto` asks whether stderr is a terminal.
pub(crate) fn start(log: &Log) {
    // The migrations' library tells every step at info.
    let level = format!("refinery_core=warn,{}", log.level);
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let text = match log.format {
        Format::Auto => std::io::stderr().is_terminal(),
        Format::Json => false,
        Format::Text => true,
    };
    if text {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).with_target(true).init();
    }
}
