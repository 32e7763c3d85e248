//! Problems become answers here and nowhere else: RFC 9457, with the headers of each.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use onhand_wire::{Code, Problem};

use crate::correlation::Correlation;

/// The media type of a problem's body.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The answer for a problem.
pub fn answer(problem: &Problem, correlation: &Correlation) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(problem.to_json(correlation.as_str())));
    *answer.status_mut() = status(problem.status());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    if let Some(seconds) = problem.retry_after_s() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if problem.code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

/// The body of a problem that an idempotency key kept: the first answer again, with this call's own correlation id.
pub fn kept(body: String, correlation_id: &str) -> Bytes {
    let Ok(mut problem) = serde_json::from_str::<serde_json::Map<_, _>>(&body) else { return body.into() };
    problem.insert("correlation_id".to_owned(), correlation_id.into());
    serde_json::to_vec(&problem).map_or_else(|_| body.into(), Bytes::from)
}

/// A status from a number.
pub fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// 404 for a path where nothing is.
pub fn not_found() -> Problem {
    Problem::new(Code::NotFound, "nothing is at this path")
}

/// 405; `allowed` is the value of `Allow`.
pub fn method_not_allowed(allowed: &str) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("allowed here: {allowed}"))
}
