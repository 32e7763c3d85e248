//! The headers of a write: how long its caller waits, and the key that makes it safe to send again.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use onhand_wire::{Code, Problem, request::check_idempotency_key};

pub static TIMEOUT: HeaderName = HeaderName::from_static("onhand-timeout-ms");
pub static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The shortest time that a caller may ask for. With less, the node could not call anyone, and chance would decide
/// whether the call was carried out.
pub const LEAST: Duration = Duration::from_millis(10);
/// The longest time that a caller may ask for; more counts as this.
pub const LONGEST: Duration = Duration::from_secs(60);

/// `Onhand-Timeout-Ms`: how long the caller waits, if it says so.
pub fn patience(headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let Some(value) = headers.get(&TIMEOUT) else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let wait = digits.map(|text| Duration::from_millis(text.parse().unwrap_or(u64::MAX)));
    let wait = wait.filter(|wait| *wait >= LEAST).map(|wait| Some(wait.min(LONGEST)));
    wait.ok_or_else(|| {
        Problem::field("Onhand-Timeout-Ms", format!("whole milliseconds, {} or more", LEAST.as_millis()))
    })
}

/// `Idempotency-Key`, if there is one.
pub fn key(headers: &HeaderMap) -> Result<Option<&HeaderValue>, Problem> {
    let key = headers.get(&IDEMPOTENCY_KEY);
    key.map(|key| check_idempotency_key(key.as_bytes()).map(|_| key)).transpose()
}

/// 428, for a call that needs a key.
pub fn key_required() -> Problem {
    let detail = "Idempotency-Key: send 1 to 128 visible ASCII characters, so that this call can be sent again safely";
    Problem::new(Code::IdempotencyKeyRequired, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(TIMEOUT.clone(), HeaderValue::from_str(text).unwrap())]);
        patience(&headers).ok().flatten()
    }

    #[test]
    fn ten_milliseconds_are_the_least() {
        assert_eq!(patience(&HeaderMap::new()), Ok(None));
        assert_eq!((of("10"), of("2000")), (Some(LEAST), Some(Duration::from_secs(2))));
        assert_eq!(of("99999999999999999999999"), Some(LONGEST));
        for wrong in ["", "9", "0", "-10", "+10", "10.5", " 10", "ten"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }
}
