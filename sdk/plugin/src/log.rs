//! The rule's own log lines.

pub use crate::bindings::view::onhand::rules::host::Level;

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
