//! Whose reservations a token makes and sees.

use onhand_wire::{Code, Problem, Sees};
use serde_json::Value;

use super::{Claims, Scope};

/// Longest owner, in bytes: it becomes part of keys in the database.
const LONGEST: usize = 255;

/// A claim by which an issuer keeps a token to its own subject, whether or not `auth.owner_claim` is set.
pub const OWNER_CLAIM: &str = "onhand_owner";
/// The claim's one value.
pub const OWNED_BY_SUBJECT: &str = "subject";

/// The owner in a claim's value: a string, or a number as it is written. `None` if it is neither, or does not have 1 to
/// 255 bytes without control characters.
fn owner(value: &Value) -> Option<String> {
    let owner = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let fits = (1..=LONGEST).contains(&owner.len()) && !owner.contains(char::is_control);
    fits.then_some(owner)
}

impl Claims {
    /// Takes the owner from the claim of that name. A storefront's token then sees only its own owner's reservations,
    /// and may do nothing without an owner: [`Claims::judge_owner`].
    pub(super) fn with_owner(mut self, value: &Value) -> Self {
        self.owner = owner(value);
        self.held_to_owner()
    }

    /// The subject itself owns what the token makes. No value of `auth.owner_claim` is meant to be spelt so: a person
    /// who is called like a shop does not see the shop's reservations.
    pub(super) fn owned_by_subject(mut self) -> Self {
        self.owner = Some(format!("{OWNED_BY_SUBJECT} {}", self.sub));
        self.held_to_owner()
    }

    fn held_to_owner(mut self) -> Self {
        if self.scope.is_storefront_only() {
            self.sees = Sees::Of(self.owner.clone().unwrap_or_default());
        }
        self
    }

    /// 403 for a storefront's token that must name its owner but does not.
    pub(super) fn judge_owner(&self, claim: &str) -> Result<(), Problem> {
        if self.sees == Sees::All || self.owner.is_some() {
            return Ok(());
        }
        let scope = Scope::Storefront.as_str();
        let detail = format!(
            "Authorization: a token of scope {scope} needs the claim {claim} here: text of 1 to {LONGEST} bytes without \
             control characters, or a number"
        );
        Err(Problem::new(Code::Forbidden, detail))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_owner_is_short_text_or_a_number() {
        assert_eq!(owner(&json!("shop a")).as_deref(), Some("shop a"));
        assert_eq!(owner(&json!(42)).as_deref(), Some("42"));
        assert_eq!(owner(&json!("x".repeat(LONGEST))).map(|owner| owner.len()), Some(LONGEST));
        for bad in [json!(""), json!("x".repeat(LONGEST + 1)), json!("a\u{0}"), json!("a\u{1f}b"), json!("\u{85}")] {
            assert_eq!(owner(&bad), None, "{bad}");
        }
        for bad in [json!(null), json!(true), json!(["a"]), json!({"a": 1})] {
            assert_eq!(owner(&bad), None, "{bad}");
        }
    }

    #[test]
    fn only_a_storefront_is_held_to_its_owner() {
        let claims = |scope: Scope| Claims::new("me", scope, 0);
        let own = claims(Scope::Storefront).with_owner(&json!("a"));
        assert!(own.sees.includes(Some("a")) && !own.sees.includes(Some("b")) && !own.sees.includes(None));
        assert!(own.judge_owner("shop").is_ok());
        let none = claims(Scope::Storefront).with_owner(&json!(null));
        assert!(!none.sees.includes(Some("")) || none.judge_owner("shop").is_err());
        assert_eq!(none.judge_owner("shop").unwrap_err().code, Code::Forbidden);
        for scope in [Scope::Fulfilment, Scope::Operator, Scope::Admin] {
            let all = claims(scope).with_owner(&json!("a"));
            assert!(all.sees.includes(Some("b")) && all.sees.includes(None) && all.owner.as_deref() == Some("a"));
            assert!(claims(scope).with_owner(&json!(null)).judge_owner("shop").is_ok());
        }
    }
}
