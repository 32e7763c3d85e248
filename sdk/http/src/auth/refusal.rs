//! Why calls were refused for their token, in one of a few words, for metrics and logs. The token itself is never
//! shown.

use std::sync::atomic::{AtomicU64, Ordering};

use onhand_wire::{Code, Problem};

/// How a refusal's detail continues after `Authorization: `, and its word.
const REASONS: [(&str, &str); 12] = [
    ("send Bearer", "missing"),
    ("the token has expired", "expired"),
    ("the token is not valid yet", "not_yet_valid"),
    ("the token names no end", "no_end"),
    ("the token is from another issuer", "issuer"),
    ("the token names no issuer", "issuer"),
    ("the token is for another audience", "audience"),
    ("the token names no audience", "audience"),
    ("the token is of another type", "type"),
    ("the token cannot be judged", "keys_too_old"),
    ("needs scope", "scope"),
    ("a token of scope", "owner"),
];

/// Every word that [`reason`] may answer.
pub fn words() -> impl Iterator<Item = &'static str> {
    REASONS.iter().map(|(_, word)| *word).chain(["invalid"])
}

/// `None` if the problem is not about a token. Refusals without a word of their own (a bad signature, an unknown key,
/// claims that make no sense) are `invalid`.
pub fn reason(problem: &Problem) -> Option<&'static str> {
    if !matches!(problem.code, Code::Unauthenticated | Code::Forbidden) {
        return None;
    }
    let detail = problem.detail.strip_prefix("Authorization: ").unwrap_or_default();
    let known = REASONS.iter().find(|(start, _)| detail.starts_with(start));
    Some(known.map_or("invalid", |(_, word)| word))
}

/// How many refusals are logged in one second; all are counted.
const LOGGED: u64 = 5;

/// Lets a few lines a second through, so that callers with bad tokens cannot fill the log.
#[derive(Debug, Default)]
pub struct Sparing {
    /// The current second, and how many lines it has had.
    state: AtomicU64,
}

impl Sparing {
    /// Whether another line may be logged in this second (since 1970).
    pub fn allows(&self, second: u64) -> bool {
        let next = |state: u64| {
            let (of, had) = (state >> 8, state & 0xff);
            let had = if of == second { had } else { 0 };
            (had < LOGGED).then_some(second << 8 | (had + 1))
        };
        self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// The same, for the current second.
    pub fn allows_now(&self) -> bool {
        self.allows(jsonwebtoken::get_current_timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_few_lines_a_second() {
        let sparing = Sparing::default();
        assert_eq!((0..1000).filter(|_| sparing.allows(7)).count() as u64, LOGGED);
        assert!(sparing.allows(8));
    }

    #[test]
    fn only_refusals_of_tokens_have_a_reason() {
        let of = |code, detail: &str| reason(&Problem::new(code, detail.to_owned()));
        assert_eq!(of(Code::NotFound, "Authorization: the token has expired"), None);
        assert_eq!(of(Code::Unauthenticated, "Authorization: the token has expired"), Some("expired"));
        assert_eq!(of(Code::Unauthenticated, "Authorization: the token is not valid here"), Some("invalid"));
        assert_eq!(of(Code::Forbidden, "Authorization: needs scope admin, the token has storefront"), Some("scope"));
    }
}
