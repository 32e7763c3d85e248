//! Bodies: JSON only, up to 1 MiB. What is left of one is read and dropped by the connection (`onhand_http::unread`).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use onhand_wire::{Code, Problem, limits, request};

use super::Content;

/// A body that says what it is must say JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let named = |name| headers.get(name).map(HeaderValue::as_bytes);
    request::require_json(named(header::CONTENT_TYPE), named(header::CONTENT_ENCODING))
}

/// The whole body, within the limit and the time.
pub(super) async fn read(body: Content, timeout: Duration) -> Result<Bytes, Problem> {
    let late = || Problem::new(Code::DeadlineExceeded, "the body did not arrive in time");
    tokio::time::timeout(timeout, collect(body)).await.unwrap_or_else(|_| Err(late()))
}

async fn collect(mut body: Content) -> Result<Bytes, Problem> {
    let fits = |bytes: usize| if bytes <= limits::BODY_BYTES { Ok(()) } else { Err(too_large()) };
    fits(usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX))?;
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::field("body", "it broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        fits(held.len() + data.len())?;
        held.extend_from_slice(&data);
    }
    Ok(held.freeze())
}

fn too_large() -> Problem {
    Problem::new(Code::TooLarge, format!("at most {} bytes", limits::BODY_BYTES)).with("limit", limits::BODY_BYTES)
}
