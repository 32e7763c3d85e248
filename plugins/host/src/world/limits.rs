//! What a call may give to a rule and get from it.

/// Most bytes that a call gives to a rule: names and texts, and what the records around them take.
pub const INPUT_BYTES: usize = 128 << 10;
/// Most bytes that a rule gives to the host at once: its answer, or one line of log.
pub const OUTPUT_BYTES: usize = 20 << 10;
/// Bytes of log that are kept of one call.
pub const LOG_BYTES: usize = 1000;
/// Longest label of a presentation or an adjustment, in characters.
pub const LABEL_CHARS: usize = 64;
