//! A token that a process sends: the faults that can be found without the keys that judge it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// Longest token that can be sent, in bytes: a request's head has no room for more.
pub const LONGEST: usize = 8192;

#[derive(Deserialize)]
struct Ends {
    exp: f64,
}

/// What is plainly wrong with a token at `now` (seconds since 1970): it is not a JWT, or it has
/// expired. Its receiver judges whether it is valid.
pub fn fault(token: &str, now: u64) -> Option<String> {
    if token.is_empty() {
        return Some("it is empty".to_owned());
    }
    if token.len() > LONGEST {
        return Some(format!("it has {} bytes, at most {LONGEST} can be sent", token.len()));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [_, payload, _] = parts[..] else { return Some("it is not a JWT: it does not have three parts".to_owned()) };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("it is not a JWT: it has white space or other characters in it".to_owned());
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    match serde_json::from_slice::<Ends>(&payload) {
        Err(_) => Some("it is not a JWT: its claims cannot be read, or have no exp".to_owned()),
        Ok(Ends { exp }) if exp <= now as f64 => Some("it has expired".to_owned()),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn what_is_plainly_no_good_token_is_told() {
        assert_eq!(fault(&token(r#"{"exp":100.5,"sub":"edge-1"}"#), 100), None);
        assert_eq!(fault(&token(r#"{"exp":100}"#), 100).as_deref(), Some("it has expired"));
        for bad in ["", "half", "a.b", &token("{}"), &format!("{} x", token(r#"{"exp":9e9}"#)), &"a.b.c".repeat(2000)] {
            assert!(fault(bad, 0).is_some(), "{bad}");
        }
    }
}
