//! Bodies: how much of them is read. What is left is read and dropped by the connection (`onhand_http::unread`).

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
};
use http_body_util::BodyExt;
use onhand_wire::{Code, Problem, limits, request};

use super::pace;

/// The whole body, up to 1 MiB.
pub(super) async fn read(body: Body) -> Result<Bytes, Problem> {
    read_up_to(body, limits::BODY_BYTES).await
}

/// The whole body, up to `most` bytes.
pub(super) async fn read_up_to(mut body: Body, most: usize) -> Result<Bytes, Problem> {
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broke_off(&error))?;
        let Some(part) = frame.data_ref() else { continue };
        if kept.len() + part.len() > most {
            return Err(Problem::new(Code::TooLarge, format!("body: at most {most} bytes")).with("limit", most));
        }
        kept.extend_from_slice(part);
    }
    Ok(kept.into())
}

/// Why a body came to no end.
pub(super) fn broke_off(error: &axum::Error) -> Problem {
    if pace::is_late(error) {
        return Problem::new(Code::DeadlineExceeded, "body: it did not arrive in time; nothing was applied");
    }
    Problem::field("body", "it broke off; nothing was applied")
}

/// What a body says that it is; empty where it says nothing.
pub(super) fn media_type(headers: &HeaderMap) -> Result<&str, Problem> {
    let [kind, encoding] = named(headers);
    request::media_type(kind, encoding)
}

/// A body that says what it is must say JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let [kind, encoding] = named(headers);
    request::require_json(kind, encoding)
}

fn named(headers: &HeaderMap) -> [Option<&[u8]>; 2] {
    [header::CONTENT_TYPE, header::CONTENT_ENCODING].map(|name| headers.get(name).map(HeaderValue::as_bytes))
}
