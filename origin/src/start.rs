//! What an origin records in the trail when it starts.

use std::collections::BTreeSet;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    store::{Store, StoreError},
    trail::{Kind, Line, Query},
};

/// Records that an origin starts: the fingerprint of its configuration, and how that differs from the last start in
/// this region. `configuration`: TOML with its secrets hidden, one key a line.
pub(crate) async fn started(store: &dyn Store, region: &str, configuration: &str) -> Result<(), StoreError> {
    let keys = keys(configuration);
    let last = Query { kind: Some(Kind::Started), limit: 50, ..Query::default() };
    let last = store.trail(&last).await?.into_iter().find(|entry| entry.what == region);
    let held: Option<BTreeSet<String>> =
        last.and_then(|entry| serde_json::from_value(entry.detail["keys"].clone()).ok());
    let difference = held.map(|held| {
        let only =
            |these: &BTreeSet<String>, those: &BTreeSet<String>| these.difference(those).cloned().collect::<Vec<_>>();
        json!({"no_longer": only(&held, &keys), "now": only(&keys, &held)})
    });
    let fingerprint: String = Sha256::digest(configuration).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let detail = json!({
        "version": env!("CARGO_PKG_VERSION"), "fingerprint": fingerprint, "difference": difference, "keys": keys,
    });
    let line = Line {
        actor: "onhand".to_owned(),
        kind: Kind::Started,
        what: region.to_owned(),
        detail,
        correlation: String::new(),
    };
    store.record(&line).await
}

/// `section.key = value`, for each key.
fn keys(toml: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in toml.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(named) => section = named.trim_matches(['[', ']']).to_owned(),
            None => drop(keys.insert(format!("{section}.{line}"))),
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_carry_their_section() {
        let found = keys("[log]\nlevel = \"info\"\n\n[origin.database]\nurl = \"(hidden)\"\n");
        assert_eq!(Vec::from_iter(found), ["log.level = \"info\"", "origin.database.url = \"(hidden)\""]);
    }
}
