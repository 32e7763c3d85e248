//! The rule's own log lines.

pub use crate::bindings::view::onhand::rules::host::Level;

/// From here on a panic's text is a line of the log; the trap that follows has none.
pub(crate) fn log_panics() {
    if cfg!(target_family = "wasm") {
        std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
    }
}

/// Writes one line to the node's log; the host keeps at most 1,000 bytes a call.
///
/// In a test it goes to stderr.
pub fn log(level: Level, text: &str) {
    if cfg!(target_family = "wasm") {
        crate::bindings::view::onhand::rules::host::log(level, text);
    } else {
        eprintln!("{level:?}: {text}");
    }
}
