//! `X-Correlation-Id` is accepted or made, echoed, logged and passed on. So is `traceparent` (W3C Trace Context), but
//! it is never made.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

static ID: HeaderName = HeaderName::from_static("x-correlation-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest id that is accepted, in visible ASCII characters.
const CHARS: usize = 128;

/// Ties a call's answer, its log lines and its further calls together.
#[derive(Debug, Clone)]
pub struct Correlation {
    id: HeaderValue,
    trace: Option<HeaderValue>,
}

impl Correlation {
    /// The caller's id if it sent a usable one, else a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let sent = headers.get(&ID).filter(|id| usable(id.as_bytes()));
        let trace = headers.get(&TRACEPARENT).filter(|trace| is_traceparent(trace.as_bytes()));
        Self { id: sent.cloned().unwrap_or_else(made), trace: trace.cloned() }
    }

    pub fn as_str(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// The caller's trace.
    pub fn trace(&self) -> Option<&str> {
        self.trace.as_ref().and_then(|trace| trace.to_str().ok())
    }

    /// Writes it into a further call, or into this call's answer.
    pub fn write(&self, headers: &mut HeaderMap) {
        self.clone().write_into(headers);
    }

    /// [`Self::write`], for the last time.
    pub fn write_into(self, headers: &mut HeaderMap) {
        headers.insert(&ID, self.id);
        if let Some(trace) = self.trace {
            headers.insert(&TRACEPARENT, trace);
        }
    }
}

fn usable(id: &[u8]) -> bool {
    (1..=CHARS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// A unique id: a random half for the process, and a count.
fn made() -> HeaderValue {
    static HALF: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let half = *HALF.get_or_init(|| Uuid::new_v4().as_u64_pair().0);
    let whole = (u128::from(half) << 64) | u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
    let mut id = [0; 32]; // written by hand, because each request makes one, and formatting costs five times as much
    for (place, digit) in id.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(whole >> (4 * (31 - place))) as usize & 15];
    }
    HeaderValue::from_bytes(&id).expect("hex digits are ASCII")
}

/// Whether it has the form of version 00: `00-`, 32 hex digits, `-`, 16, `-`, 2, in lower case.
fn is_traceparent(text: &[u8]) -> bool {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'-').collect();
    let hex = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    lengths == [2, 32, 16, 2] && parts.iter().all(|part| hex(part)) && !zero(parts[1]) && !zero(parts[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str) -> Correlation {
        let mut headers = HeaderMap::new();
        headers.insert(&ID, HeaderValue::from_str(id).unwrap());
        Correlation::of(&headers)
    }

    #[test]
    fn a_usable_id_is_taken_and_any_other_replaced() {
        assert_eq!(of("shop-1/7").as_str(), "shop-1/7");
        let long = "x".repeat(CHARS + 1);
        for unusable in ["", "two words", &long] {
            assert_eq!(of(unusable).as_str().len(), 32, "{unusable:?}");
        }
        assert_ne!(Correlation::of(&HeaderMap::new()).as_str(), Correlation::of(&HeaderMap::new()).as_str());
    }

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
