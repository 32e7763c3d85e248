//! What a token may do: a set of scopes, some of which include others.
//!
//! storefront, fulfilment, operator and admin form a ladder. edge and alerting are outside it: they include nothing,
//! and only operator and admin include them, because an operator may make every call of `/internal/api`. So scopes have
//! no order and cannot be compared: the only question is what a scope [`includes`](Scope::includes).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// One word of a token's scope claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reservations and orders.
    Storefront,
    /// Shipping and returns.
    Fulfilment,
    /// Stock, lists and the internal pages.
    Operator,
    /// Items, locations, maintenance, releases of rules.
    Admin,
    /// The calls that an edge makes for itself.
    Edge,
    /// Reserved for alerting's heartbeat; no call needs it yet.
    Alerting,
}

const WORDS: &str = "storefront, fulfilment, operator, admin, edge or alerting";

impl Scope {
    pub const ALL: [Self; 6] =
        [Self::Storefront, Self::Fulfilment, Self::Operator, Self::Admin, Self::Edge, Self::Alerting];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Storefront => "storefront",
            Self::Fulfilment => "fulfilment",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Edge => "edge",
            Self::Alerting => "alerting",
        }
    }

    /// Whether a token of this scope may make a call that needs `needed`.
    pub fn includes(self, needed: Self) -> bool {
        match self {
            Self::Storefront | Self::Edge | Self::Alerting => needed == self,
            Self::Fulfilment => matches!(needed, Self::Storefront | Self::Fulfilment),
            Self::Operator => needed != Self::Admin,
            Self::Admin => true,
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| format!("a scope is {WORDS}"))
    }
}

/// The scopes of one token; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self(1 << scope as u8)
    }
}

impl Scopes {
    /// The scopes among the words of a claim (RFC 8693); `None` if no word is a scope. Other words are ignored, because
    /// identity providers add their own.
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        Self::of(words.into_iter().filter_map(|word| word.parse().ok()))
    }

    /// All of these; `None` if there are none.
    pub(super) fn of(scopes: impl IntoIterator<Item = Scope>) -> Option<Self> {
        scopes.into_iter().map(Self::from).reduce(|all, one| Self(all.0 | one.0))
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & Self::from(*scope).0 != 0)
    }

    /// Whether one of them includes `needed`.
    pub fn include(self, needed: Scope) -> bool {
        self.iter().any(|scope| scope.includes(needed))
    }

    /// Whether this is a shop's token, which may make reservations and nothing beyond that.
    pub fn is_storefront_only(self) -> bool {
        self.include(Scope::Storefront) && !self.include(Scope::Fulfilment)
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            f.write_str(if index > 0 { " " } else { "" })?;
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(claim: D) -> Result<Self, D::Error> {
        let words = String::deserialize(claim)?;
        Self::of_words(words.split_ascii_whitespace())
            .ok_or_else(|| D::Error::custom(format!("no word of the scope is {WORDS}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written down pair by pair, so that the test does not repeat the code's own logic.
    #[test]
    fn edge_and_alerting_stand_outside_the_ladder() {
        use Scope::*;
        let includes = [
            (Storefront, vec![Storefront]),
            (Fulfilment, vec![Storefront, Fulfilment]),
            (Operator, vec![Storefront, Fulfilment, Operator, Edge, Alerting]),
            (Admin, vec![Storefront, Fulfilment, Operator, Admin, Edge, Alerting]),
            (Edge, vec![Edge]),
            (Alerting, vec![Alerting]),
        ];
        for (scope, wanted) in includes {
            let found: Vec<Scope> = Scope::ALL.into_iter().filter(|needed| scope.includes(*needed)).collect();
            assert_eq!(found, wanted, "{scope:?}");
        }
    }

    #[test]
    fn a_token_has_all_scopes_among_its_words() {
        let of = |words: &str| Scopes::of_words(words.split(' '));
        assert_eq!(of("openid profile"), None);
        let both = of("openid edge storefront").unwrap();
        assert!(both.include(Scope::Edge) && both.include(Scope::Storefront) && !both.include(Scope::Fulfilment));
        assert_eq!(both.to_string(), "storefront edge");
        assert!(both.is_storefront_only());
        assert!(!of("storefront operator").unwrap().is_storefront_only() && !of("edge").unwrap().is_storefront_only());
        assert_eq!(serde_json::to_string(&of("admin").unwrap()).unwrap(), "\"admin\"");
        assert!(serde_json::from_str::<Scopes>("\"nothing\"").unwrap_err().to_string().contains("fulfilment"));
    }
}
