//! `X-Correlation-Id`: taken or made, echoed, logged, passed on. `traceparent` likewise, but never made.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, HeaderName, HeaderValue, Request};
use onhand_wire::trace::is_traceparent;
use uuid::Uuid;

use super::Reply;

static HEADER: HeaderName = HeaderName::from_static("x-correlation-id");
/// Longest id that is taken, in visible ASCII characters.
const CHARS: usize = 128;

pub(super) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

pub(super) struct Correlation {
    id: HeaderValue,
    trace: Option<HeaderValue>,
}

impl Correlation {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let sent = request.headers().get(&HEADER).filter(|id| usable(id.as_bytes()));
        let trace = request.headers().get(&TRACEPARENT).filter(|trace| is_traceparent(trace.as_bytes()));
        Self { id: sent.cloned().unwrap_or_else(made), trace: trace.cloned() }
    }

    pub(super) fn as_str(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// The caller's trace, for the log.
    pub(super) fn trace(&self) -> Option<&str> {
        self.trace.as_ref().and_then(|trace| trace.to_str().ok())
    }

    /// Into a call of the origin.
    pub(super) fn pass(&self, headers: &mut HeaderMap) {
        headers.insert(&HEADER, self.id.clone());
        if let Some(trace) = &self.trace {
            headers.insert(&TRACEPARENT, trace.clone());
        }
    }

    pub(super) fn show(self, reply: &mut Reply) {
        let headers = reply.headers_mut();
        headers.insert(&HEADER, self.id);
        if let Some(trace) = self.trace {
            headers.insert(&TRACEPARENT, trace);
        }
    }
}

fn usable(id: &[u8]) -> bool {
    (1..=CHARS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// Unlike any other: the process's own random half, and a count.
fn made() -> HeaderValue {
    static HALF: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let half = *HALF.get_or_init(|| Uuid::new_v4().as_u64_pair().0);
    let whole = (u128::from(half) << 64) | u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
    let mut id = [0; 32]; // by hand: each request makes one, and formatting costs five times as much
    for (place, digit) in id.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(whole >> (4 * (31 - place))) as usize & 15];
    }
    HeaderValue::from_bytes(&id).expect("hex digits are ASCII")
}
