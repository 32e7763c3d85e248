//! Errors as callers see them: RFC 9457 problem details with a stable code.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// The contract's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    UnknownSku,
    UnknownLocation,
    UnknownChannel,
    NotFound,
    MethodNotAllowed,
    InsufficientStock,
    ReservationState,
    VersionMismatch,
    InUse,
    InProgress,
    TooLarge,
    UnsupportedMediaType,
    IdempotencyKeyReused,
    IdempotencyKeyRequired,
    RateLimited,
    OriginUnavailable,
    Maintenance,
    Overloaded,
    DeadlineExceeded,
    Internal,
}

impl Code {
    /// Status, code and title of each.
    fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (400, "invalid_request", "The request is not valid"),
            Self::Unauthenticated => (401, "unauthenticated", "A valid token is needed"),
            Self::Forbidden => (403, "forbidden", "The token's scope does not allow this"),
            Self::UnknownSku => (404, "unknown_sku", "Unknown SKU"),
            Self::UnknownLocation => (404, "unknown_location", "Unknown location"),
            Self::UnknownChannel => (404, "unknown_channel", "Unknown channel"),
            Self::NotFound => (404, "not_found", "Not found"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "The method is not allowed here"),
            Self::InsufficientStock => (409, "insufficient_stock", "Not enough stock"),
            Self::ReservationState => (409, "reservation_state", "The reservation's state does not allow this"),
            Self::VersionMismatch => (409, "version_mismatch", "The stock has changed"),
            Self::InUse => (409, "in_use", "Still in use"),
            Self::InProgress => (409, "in_progress", "The same call is still in progress"),
            Self::TooLarge => (413, "too_large", "Too large"),
            Self::UnsupportedMediaType => (415, "unsupported_media_type", "Unsupported media type"),
            Self::IdempotencyKeyReused => (422, "idempotency_key_reused", "The key was used for another call"),
            Self::IdempotencyKeyRequired => (428, "idempotency_key_required", "An Idempotency-Key is required"),
            Self::RateLimited => (429, "rate_limited", "Too many requests"),
            Self::OriginUnavailable => (503, "origin_unavailable", "The origin cannot be reached"),
            Self::Maintenance => (503, "maintenance", "Under maintenance"),
            Self::Overloaded => (503, "overloaded", "Too much to do"),
            Self::DeadlineExceeded => (504, "deadline_exceeded", "The deadline has passed"),
            Self::Internal => (500, "internal", "Something went wrong here"),
        }
    }

    pub fn status(self) -> u16 {
        self.parts().0
    }

    pub fn as_str(self) -> &'static str {
        self.parts().1
    }

    /// Whether and how the caller may repeat the call.
    pub fn retry(self) -> &'static str {
        match (self, self.status()) {
            (Self::InProgress, _) | (_, 503 | 504) => "same_key",
            (_, 429) => "later",
            _ => "never",
        }
    }

    /// Seconds for `Retry-After`, if the contract defines them.
    pub fn retry_after_s(self) -> Option<u32> {
        matches!(self.status(), 429 | 503 | 504).then_some(1)
    }
}

/// The member with a problem's own wait.
const RETRY_AFTER_S: &str = "retry_after_s";

/// A rejection as the caller sees it. Nothing internal belongs in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub code: Code,
    pub detail: Cow<'static, str>,
    /// Members beyond the common ones, such as `field` or `lines`.
    pub members: Map<String, Value>,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), members: Map::new() }
    }

    /// 400 invalid_request naming the field.
    pub fn field(field: &str, right: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidRequest, format!("{field}: {right}")).with("field", field)
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    pub fn status(&self) -> u16 {
        self.code.status()
    }

    /// With this many seconds for `Retry-After`, instead of the code's own.
    #[must_use]
    pub fn later(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER_S, seconds)
    }

    /// Seconds for `Retry-After`, if there are any.
    pub fn retry_after_s(&self) -> Option<u32> {
        let told = self.members.get(RETRY_AFTER_S).and_then(Value::as_u64).and_then(|told| u32::try_from(told).ok());
        told.or_else(|| self.code.retry_after_s())
    }

    /// The body without the call's own correlation id: what an idempotency key keeps.
    pub fn body(&self) -> Map<String, Value> {
        let (status, code, title) = self.code.parts();
        let mut body = self.members.clone();
        let common = [
            ("type", json!(format!("urn:onhand:error:{code}"))),
            ("title", json!(title)),
            ("status", json!(status)),
            ("detail", json!(self.detail)),
            ("code", json!(code)),
            ("retry", json!(self.code.retry())),
        ];
        body.extend(common.map(|(name, value)| (name.to_owned(), value)));
        body
    }

    /// The whole `application/problem+json` body.
    pub fn to_json(&self, correlation_id: &str) -> Vec<u8> {
        let mut body = self.body();
        body.insert("correlation_id".to_owned(), correlation_id.into());
        serde_json::to_vec(&body).expect("plain data encodes")
    }

    /// A whole HTTP/1.1 answer, for a connection that is closed before any of its requests is read.
    pub fn to_answer(&self) -> Vec<u8> {
        let body = self.to_json("");
        let retry = self.retry_after_s().map(|seconds| format!("retry-after: {seconds}\r\n")).unwrap_or_default();
        let (status, length) = (self.status(), body.len());
        let head =
            format!("HTTP/1.1 {status} {}\r\ncontent-type: application/problem+json\r\n{retry}", self.code.parts().2);
        [format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n").into_bytes(), body].concat()
    }
}
