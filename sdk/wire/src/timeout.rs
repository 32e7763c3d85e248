//! `Onhand-Timeout-Ms`: how long a caller waits for its answer.

use std::time::Duration;

use crate::Problem;

pub const HEADER: &str = "onhand-timeout-ms";

/// The least that a caller may ask for: with less, nothing could be asked of anyone, and whether the call was carried
/// out would be left to chance.
pub const LEAST: Duration = Duration::from_millis(10);

/// What the header's value says; more than a whole number of milliseconds can say counts as the most that it can.
pub fn read(value: Option<&[u8]>) -> Result<Option<Duration>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let digits =
        std::str::from_utf8(value).ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let wait = digits.map(|text| Duration::from_millis(text.parse().unwrap_or(u64::MAX)));
    wait.filter(|wait| *wait >= LEAST).map(Some).ok_or_else(|| {
        Problem::field("Onhand-Timeout-Ms", format!("whole milliseconds, {} or more", LEAST.as_millis()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_milliseconds_are_the_least() {
        let of = |text: &str| read(Some(text.as_bytes())).ok().flatten();
        assert_eq!(read(None), Ok(None));
        assert_eq!((of("10"), of("2000")), (Some(LEAST), Some(Duration::from_secs(2))));
        assert_eq!(of("99999999999999999999999"), Some(Duration::from_millis(u64::MAX)));
        for wrong in ["", "9", "0", "-10", "+10", "10.5", " 10", "ten"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
