//! The limits of a call's input and output.

/// Most bytes that a call passes to a rule: names and texts, plus the records around them.
pub const INPUT_BYTES: usize = 128 << 10;
/// Most bytes that a rule passes to the host at once: its answer, or one line of log.
pub const OUTPUT_BYTES: usize = 20 << 10;
/// Bytes of log that are kept for one call.
pub const LOG_BYTES: usize = 1000;
/// Longest label of a presentation or an adjustment, in characters.
pub const LABEL_CHARS: usize = 64;
