//! Which claim holds a token's scopes, and what its values mean: identity providers use words of their own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Scope, Scopes};

/// `[auth.scopes]`: for each scope the values that mean it (its own name by default). With an empty list no token has
/// that scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeMap {
    /// The claim: a name, or a path with dots such as `realm_access.roles`. Its value is a list of strings, or one
    /// string of words separated by spaces (RFC 8693).
    pub claim: String,
    pub storefront: Vec<String>,
    pub fulfilment: Vec<String>,
    pub operator: Vec<String>,
    pub admin: Vec<String>,
    pub edge: Vec<String>,
    pub alerting: Vec<String>,
}

impl Default for ScopeMap {
    fn default() -> Self {
        let own = |scope: Scope| vec![scope.as_str().to_owned()];
        Self {
            claim: "scope".to_owned(),
            storefront: own(Scope::Storefront),
            fulfilment: own(Scope::Fulfilment),
            operator: own(Scope::Operator),
            admin: own(Scope::Admin),
            edge: own(Scope::Edge),
            alerting: own(Scope::Alerting),
        }
    }
}

impl ScopeMap {
    fn values(&self, scope: Scope) -> &[String] {
        match scope {
            Scope::Storefront => &self.storefront,
            Scope::Fulfilment => &self.fulfilment,
            Scope::Operator => &self.operator,
            Scope::Admin => &self.admin,
            Scope::Edge => &self.edge,
            Scope::Alerting => &self.alerting,
        }
    }

    /// What is wrong with it; `section` is its place in the configuration.
    pub fn faults(&self, section: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if self.claim.is_empty() {
            faults.push(format!("{section}.claim: must name a claim, such as \"scope\""));
        }
        let empty = Scope::ALL.into_iter().filter(|scope| self.values(*scope).iter().any(String::is_empty));
        faults.extend(empty.map(|scope| format!("{section}.{}: an empty value means no scope", scope.as_str())));
        faults
    }

    /// Every scope that one of the claim's values means. Other values are ignored, because identity providers add their
    /// own.
    pub(super) fn scopes(&self, claims: &Map<String, Value>) -> Option<Scopes> {
        let said: Vec<&str> = match find(claims, &self.claim)? {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            Value::String(words) => words.split_ascii_whitespace().collect(),
            _ => return None,
        };
        let meant = |scope: &Scope| self.values(*scope).iter().any(|value| said.contains(&value.as_str()));
        Scopes::of(Scope::ALL.into_iter().filter(meant))
    }
}

/// Finds a member by its name, else by a path: a claim's name may itself contain dots, as in
/// `https://shop.example/roles`.
pub(super) fn find<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
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
        let operator = operator.iter().map(|value| (*value).to_owned()).collect();
        ScopeMap { claim: claim.to_owned(), operator, ..ScopeMap::default() }
    }

    fn scope(map: &ScopeMap, claims: Value) -> Option<String> {
        map.scopes(claims.as_object().unwrap()).map(|scopes| scopes.to_string())
    }

    fn is(scopes: &str) -> Option<String> {
        Some(scopes.to_owned())
    }

    #[test]
    fn the_claim_is_a_list_or_words_at_a_name_or_a_path() {
        let roles = map("realm_access.roles", &["onhand-operator"]);
        assert_eq!(scope(&roles, json!({"realm_access": {"roles": ["x", "onhand-operator"]}})), is("operator"));
        assert_eq!(scope(&roles, json!({"realm_access.roles": "x onhand-operator"})), is("operator"));
        assert_eq!(scope(&roles, json!({"realm_access": {"roles": ["operator"]}})), None, "the map replaces the name");
        for none in [json!({}), json!({"realm_access": []}), json!({"realm_access": {"roles": {"onhand-operator": 1}}})]
        {
            assert_eq!(scope(&roles, none.clone()), None, "{none}");
        }
        let named = map("https://shop.example/roles", &["Stock operators"]);
        assert_eq!(scope(&named, json!({"https://shop.example/roles": ["Stock operators"]})), is("operator"));
        assert_eq!(
            scope(&named, json!({"https://shop.example/roles": "Stock operators"})),
            None,
            "words, not the text"
        );
        let nested = map("resource_access.my.client.roles", &["a"]);
        assert_eq!(scope(&nested, json!({"resource_access": {"my.client": {"roles": ["a"]}}})), is("operator"));
    }

    #[test]
    fn every_value_counts_and_no_value_means_no_scope() {
        let both = map("scp", &["read", "write"]);
        assert_eq!(scope(&both, json!({"scp": "storefront write"})), is("storefront operator"));
        assert_eq!(scope(&both, json!({"scp": ["edge", 5, "write"]})), is("operator edge"));
        assert_eq!(scope(&map("scp", &[]), json!({"scp": "operator"})), None);
        assert_eq!(map("", &[""]).faults("auth.scopes").len(), 2);
    }

    #[test]
    fn it_is_written_as_a_table_of_scopes() {
        let text = json!({"claim": "permissions", "admin": ["stock:admin"]});
        let map: ScopeMap = serde_json::from_value(text).unwrap();
        assert_eq!((map.claim.as_str(), map.admin.as_slice()), ("permissions", &["stock:admin".to_owned()][..]));
        let again: ScopeMap = serde_json::from_value(serde_json::to_value(&map).unwrap()).unwrap();
        assert_eq!(again, map);
    }
}
