//! Whole numbers as text: in query strings and in files.

/// Reads `-5`, `5` and `5.0`, which are whole as JSON counts them; but nothing with a plus, an exponent or a space.
pub fn whole(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
    let unsigned = whole.strip_prefix('-').unwrap_or(whole);
    if !digits(unsigned, |byte| byte.is_ascii_digit()) || !digits(fraction, |byte| byte == b'0') {
        return None;
    }
    whole.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_zeros_is_none() {
        for (text, number) in [("5", 5), ("5.0", 5), ("13.0000", 13), ("-5.0", -5), ("007", 7), ("0.0", 0)] {
            assert_eq!(whole(text), Some(number), "{text}");
        }
        for text in ["", ".", "5.", ".0", "5.5", "+5", "5e0", " 5", "5,0", "--5", "0x5", "99999999999999999999"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
