//! Reading a body: parsed, checked, and every fault named by its field.

use serde::de::{DeserializeOwned, IgnoredAny};
use uuid::Uuid;

use super::strict::Strict;
use crate::{Code, Problem, limits};

/// Reads a JSON body; an empty one counts as `{}`.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = T::deserialize(Strict(&mut json)).map_err(|_| fault::<T>(body))?;
    json.end().map_err(|error| Problem::field("body", format!("not JSON: {error}")))?;
    Ok(value)
}

/// Parses the body again and tracks the path, so that a valid body does not pay for that.
fn fault<T: DeserializeOwned>(body: &[u8]) -> Problem {
    let mut json = serde_json::Deserializer::from_slice(body);
    let again = serde_path_to_error::deserialize::<_, T>(Strict(&mut json));
    again.err().map_or_else(|| Problem::field("body", "not JSON"), |error| invalid(body, &error))
}

/// Names the member at fault, even if serde only names it in its message.
fn invalid(body: &[u8], error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let message = error.inner().to_string();
    // A word was expected, and something else was found: serde_json calls that bad syntax, too.
    let word = !error.inner().is_data() && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    if !error.inner().is_data() && !word {
        return Problem::field("body", format!("not JSON: {message}"));
    }
    let message = if word {
        "expected a word in quotes".to_owned()
    } else {
        plain(message.split(" at line ").next().unwrap_or_default())
    };
    let mut path = error.path().to_string();
    let named = ["unknown field `", "missing field `"].iter().find_map(|start| message.strip_prefix(start));
    if let Some(name) = named.and_then(|rest| rest.split('`').next())
        && path.rsplit('.').next() != Some(name)
    {
        path = if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    }
    if path == "." {
        path = "body".to_owned();
    }
    Problem::field(&path, message)
}

/// Says what is expected in JSON's words, not in this program's types.
fn plain(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let said = match expected.split(' ').next().unwrap_or_default() {
        "struct" => "an object",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        _ => expected,
    };
    format!("{found}, expected {said}")
}

/// A body that can be wrong in more ways than its types say.
pub trait Check {
    fn check(&self) -> Result<(), Problem>;
}

/// Parses and checks in one step.
pub fn read<T: DeserializeOwned + Check>(body: &[u8]) -> Result<T, Problem> {
    let value: T = parse(body)?;
    value.check()?;
    Ok(value)
}

/// Checks an `Idempotency-Key`: 1 to 128 visible ASCII characters.
pub fn check_idempotency_key(key: &[u8]) -> Result<&str, Problem> {
    let visible = (1..=limits::IDEMPOTENCY_KEY_CHARS).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(key).ok().filter(|_| visible).ok_or_else(|| {
        let right = format!("1 to {} visible ASCII characters", limits::IDEMPOTENCY_KEY_CHARS);
        Problem::field("Idempotency-Key", right)
    })
}

/// A reservation's id in the form that answers use; forms with braces or `urn:uuid:` name no reservation.
pub fn reservation_id(text: &str) -> Result<Uuid, Problem> {
    let id = Uuid::try_parse(text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH);
    id.ok_or_else(|| Problem::new(Code::NotFound, "no such reservation"))
}

/// A body's media type (`Content-Type`) without parameters; empty if it has none. A compressed body
/// (`Content-Encoding`) is refused.
pub fn media_type<'a>(kind: Option<&'a [u8]>, encoding: Option<&[u8]>) -> Result<&'a str, Problem> {
    if encoding.is_some_and(|encoding| !encoding.trim_ascii().eq_ignore_ascii_case(b"identity")) {
        let detail = "Content-Encoding: send the body as it is; no encoding is understood";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    let kind = std::str::from_utf8(kind.unwrap_or_default()).unwrap_or("no text");
    Ok(kind.split(';').next().unwrap_or_default().trim())
}

/// If a body has a media type, it must be JSON.
pub fn require_json(kind: Option<&[u8]>, encoding: Option<&[u8]>) -> Result<(), Problem> {
    let kind = media_type(kind, encoding)?;
    if kind.is_empty() || kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(unsupported_media_type("application/json"))
}

/// The problem of a media type other than `expected`.
pub fn unsupported_media_type(expected: &str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, format!("Content-Type: send {expected}"))
}
