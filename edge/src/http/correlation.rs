//! `X-Correlation-Id`: taken or made, echoed, passed on.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderValue, Request};
use uuid::Uuid;

use super::Reply;

pub(super) const HEADER: &str = "x-correlation-id";
/// Longest id that is taken, in visible ASCII characters.
const CHARS: usize = 128;

#[derive(Clone)]
pub(super) struct Correlation(HeaderValue);

impl Correlation {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let sent = request.headers().get(HEADER).filter(|id| usable(id.as_bytes()));
        Self(sent.cloned().unwrap_or_else(made))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    pub(super) fn show(&self, reply: &mut Reply) {
        reply.headers_mut().insert(HEADER, self.0.clone());
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
