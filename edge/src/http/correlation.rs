//! `X-Correlation-Id`: taken or made, echoed, logged, passed on. `traceparent` likewise, but never made.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, HeaderValue, Request};
use onhand_wire::trace::is_traceparent;
use uuid::Uuid;

use super::Reply;

const HEADER: &str = "x-correlation-id";
/// Longest id that is taken, in visible ASCII characters.
const CHARS: usize = 128;

pub(super) const TRACEPARENT: &str = "traceparent";

#[derive(Clone)]
pub(super) struct Correlation {
    id: HeaderValue,
    trace: Option<HeaderValue>,
}

impl Correlation {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let sent = request.headers().get(HEADER).filter(|id| usable(id.as_bytes()));
        let trace = request.headers().get(TRACEPARENT).filter(|trace| is_traceparent(trace.as_bytes()));
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
        headers.insert(HEADER, self.id.clone());
        if let Some(trace) = &self.trace {
            headers.insert(TRACEPARENT, trace.clone());
        }
    }

    pub(super) fn show(&self, reply: &mut Reply) {
        self.pass(reply.headers_mut());
    }
}

fn usable(id: &[u8]) -> bool {
    (1..=CHARS).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

/// Unlike any other: the process's own random half, and a count.
fn made() -> HeaderValue {
    static HALF: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let half = HALF.get_or_init(|| Uuid::new_v4().as_u64_pair().0);
    let id = format!("{half:016x}{:016x}", COUNT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::try_from(id).expect("hex digits are ASCII")
}
