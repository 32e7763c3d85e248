//! Lists: `{"items":[…],"next_cursor":"…"|null}`.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use crate::{Problem, limits, whole};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

/// Makes an opaque cursor of the last key of a page.
pub fn cursor(key: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key)
}

pub fn read_cursor(cursor: &str) -> Result<String, Problem> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        // No key has a control character, and PostgreSQL refuses NUL.
        .filter(|key| !key.chars().any(char::is_control))
        .ok_or_else(|| Problem::field("cursor", "not a cursor of this list"))
}

pub fn read_limit(limit: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = limit else { return Ok(limits::PAGE_DEFAULT) };
    let limit =
        whole(text).and_then(|limit| usize::try_from(limit).ok()).filter(|limit| (1..=limits::PAGE).contains(limit));
    limit.ok_or_else(|| Problem::field("limit", format!("a whole number from 1 to {}", limits::PAGE)))
}
