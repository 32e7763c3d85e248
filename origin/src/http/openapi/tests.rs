//! The document and the router have the same calls, and the document holds together.

use std::collections::{BTreeMap, BTreeSet};

use onhand_http::auth::Access;
use serde_json::Value;

use super::document;

type Calls = BTreeMap<(String, String), Option<String>>;

/// The least scope of each call that is routed; none: no token is needed.
fn routed() -> Calls {
    let [api, _] = crate::routed();
    let calls = api.into_iter().map(|route| {
        let scope = match route.access {
            Access::Token(scope) => Some(scope.as_str().to_owned()),
            Access::Anyone => None,
            Access::Reader => panic!("{}: the origin has no lookups", route.path),
        };
        ((route.method.to_ascii_lowercase(), route.path.to_owned()), scope)
    });
    calls.collect()
}

fn documented() -> Calls {
    let document = serde_json::to_value(document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let calls = paths.iter().flat_map(|(path, item)| {
        item.as_object().expect("a path item").iter().map(|(method, operation)| {
            ((method.clone(), path.clone()), operation["x-scope"].as_str().map(str::to_owned))
        })
    });
    calls.collect()
}

#[test]
fn every_route_is_documented_with_its_scope_and_nothing_else() {
    let (routed, documented) = (routed(), documented());
    assert_eq!(routed, documented);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(document()).expect("JSON");
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').expect("a reference within the document");
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                left.extend(members.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
}

#[test]
fn operation_ids_are_unique() {
    let document = serde_json::to_value(document()).expect("JSON");
    let operations = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("an item").values());
    let operations: Vec<&Value> = operations.collect();
    let ids: BTreeSet<&str> =
        operations.iter().map(|operation| operation["operationId"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), operations.len());
}
