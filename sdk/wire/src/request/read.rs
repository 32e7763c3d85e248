//! Reading a body: parsed, checked, and every fault named by its field.

use serde::de::DeserializeOwned;

use crate::{Code, Problem, limits};

/// Reads a JSON body; an empty one counts as `{}`.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| invalid(&error))?;
    json.end().map_err(|error| Problem::field("body", format!("not JSON: {error}")))?;
    Ok(value)
}

/// Names the member at fault, also where serde only says it in its message.
fn invalid(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let message = error.inner().to_string();
    if !error.inner().is_data() {
        return Problem::field("body", format!("not JSON: {message}"));
    }
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
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

/// The problem of a media type other than `expected`.
pub fn unsupported_media_type(expected: &str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, format!("Content-Type: send {expected}"))
}
