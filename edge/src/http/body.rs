//! Bodies: JSON only, up to 1 MiB; what is too large is read and dropped, so that the caller sees 413.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use onhand_wire::{Code, Problem, limits, request};

/// A body that says what it is must say JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let named = |name| headers.get(name).map(HeaderValue::as_bytes);
    request::require_json(named(header::CONTENT_TYPE), named(header::CONTENT_ENCODING))
}

/// The whole body, within the limit and the time.
pub(super) async fn read(body: Incoming, timeout: Duration) -> Result<Bytes, Problem> {
    let late = || Problem::new(Code::DeadlineExceeded, "the body did not arrive in time");
    tokio::time::timeout(timeout, collect(body)).await.unwrap_or_else(|_| Err(late()))
}

async fn collect(mut body: Incoming) -> Result<Bytes, Problem> {
    let declared = body.size_hint().exact().unwrap_or(0);
    let mut held = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::field("body", "it broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen > limits::BODY_DRAIN_BYTES {
            break;
        }
        if seen <= limits::BODY_BYTES && declared <= limits::BODY_BYTES as u64 {
            held.extend_from_slice(&data);
        }
    }
    if seen <= limits::BODY_BYTES {
        return Ok(held.freeze());
    }
    let detail = format!("at most {} bytes", limits::BODY_BYTES);
    Err(Problem::new(Code::TooLarge, detail).with("limit", limits::BODY_BYTES))
}
