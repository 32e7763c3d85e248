//! `traceparent` (W3C Trace Context): taken, echoed, logged and passed on, never made.

/// Whether it has the shape of version 00: `00-`, 32 hex digits, `-`, 16, `-`, 2, in lower case.
pub fn is_traceparent(text: &[u8]) -> bool {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'-').collect();
    let hex = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    lengths == [2, 32, 16, 2] && parts.iter().all(|part| hex(part)) && !zero(parts[1]) && !zero(parts[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shape_of_version_00_counts() {
        assert!(is_traceparent(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        for text in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(text.as_bytes()), "{text}");
        }
    }
}
