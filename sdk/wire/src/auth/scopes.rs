//! Which claim says a token's scope, and what its values mean: identity providers have words of their own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Scope, greatest};

/// `[auth.scopes]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScopeMap {
    /// The claim: a name, or a path with dots such as `realm_access.roles`. Its value is a list of texts, or one text
    /// of words with blanks between them.
    pub claim: String,
    /// For each scope, the values that mean it; none: no token has it. Of several, the greatest counts.
    #[serde(flatten)]
    pub values: BTreeMap<Scope, Vec<String>>,
}

/// The claim `scope` (RFC 8693) with our own names.
impl Default for ScopeMap {
    fn default() -> Self {
        let own = |scope: Scope| (scope, vec![scope.as_str().to_owned()]);
        Self { claim: "scope".to_owned(), values: Scope::ALL.into_iter().map(own).collect() }
    }
}

impl ScopeMap {
    /// What is wrong with it; `section`: where it stands.
    pub fn faults(&self, section: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if self.claim.is_empty() {
            faults.push(format!("{section}.claim: must name a claim, such as \"scope\""));
        }
        let empty = self.values.iter().filter(|(_, values)| values.iter().any(String::is_empty));
        faults.extend(empty.map(|(scope, _)| format!("{section}.{}: an empty value means no scope", scope.as_str())));
        faults
    }

    pub(super) fn scope(&self, claims: &Map<String, Value>) -> Option<Scope> {
        let value = find(claims, &self.claim)?;
        let said: Vec<&str> = match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            Value::String(words) => words.split_ascii_whitespace().collect(),
            _ => return None,
        };
        let meant = |values: &[String]| values.iter().any(|value| said.contains(&value.as_str()));
        greatest(self.values.iter().filter(|(_, values)| meant(values)).map(|(scope, _)| *scope))
    }
}

/// A member by its name, else by a path: names of claims may hold dots themselves, as in `https://shop.example/roles`.
fn find<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    object.get(path).or_else(|| {
        let mut dots = path.match_indices('.');
        dots.find_map(|(dot, _)| find(object.get(&path[..dot])?.as_object()?, &path[dot + 1..]))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(claim: &str, operator: &[&str]) -> ScopeMap {
        let mut map = ScopeMap { claim: claim.to_owned(), ..ScopeMap::default() };
        map.values.insert(Scope::Operator, operator.iter().map(|value| (*value).to_owned()).collect());
        map
    }

    fn scope(map: &ScopeMap, claims: Value) -> Option<Scope> {
        map.scope(claims.as_object().unwrap())
    }

    #[test]
    fn the_claim_is_a_list_or_words_at_a_name_or_a_path() {
        let roles = map("realm_access.roles", &["onhand-operator"]);
        assert_eq!(scope(&roles, json!({"realm_access": {"roles": ["x", "onhand-operator"]}})), Some(Scope::Operator));
        assert_eq!(scope(&roles, json!({"realm_access.roles": "x onhand-operator"})), Some(Scope::Operator));
        assert_eq!(scope(&roles, json!({"realm_access": {"roles": ["operator"]}})), None, "the map replaces the name");
        for none in [json!({}), json!({"realm_access": []}), json!({"realm_access": {"roles": {"onhand-operator": 1}}})]
        {
            assert_eq!(scope(&roles, none.clone()), None, "{none}");
        }
        let named = map("https://shop.example/roles", &["Stock operators"]);
        assert_eq!(scope(&named, json!({"https://shop.example/roles": ["Stock operators"]})), Some(Scope::Operator));
        assert_eq!(
            scope(&named, json!({"https://shop.example/roles": "Stock operators"})),
            None,
            "words, not the text"
        );
        let nested = map("resource_access.my.client.roles", &["a"]);
        assert_eq!(scope(&nested, json!({"resource_access": {"my.client": {"roles": ["a"]}}})), Some(Scope::Operator));
    }

    #[test]
    fn of_several_values_the_greatest_counts_and_no_value_means_no_scope() {
        let both = map("scp", &["read", "write"]);
        assert_eq!(scope(&both, json!({"scp": "storefront write"})), Some(Scope::Operator));
        assert_eq!(scope(&both, json!({"scp": ["admin", 5, "write"]})), Some(Scope::Admin));
        assert_eq!(scope(&map("scp", &[]), json!({"scp": "operator"})), None);
        assert_eq!(map("", &[""]).faults("auth.scopes").len(), 2);
    }

    #[test]
    fn it_is_written_as_a_table_of_scopes() {
        let text = json!({"claim": "permissions", "admin": ["stock:admin"]});
        let map: ScopeMap = serde_json::from_value(text).unwrap();
        assert_eq!(
            (map.claim.as_str(), map.values[&Scope::Admin].as_slice()),
            ("permissions", &["stock:admin".to_owned()][..])
        );
        let again: ScopeMap = serde_json::from_value(serde_json::to_value(&map).unwrap()).unwrap();
        assert_eq!(again, map);
    }
}
