//! The document and the router have the same calls, and the document holds together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document;

type Calls = BTreeSet<(String, String)>;

/// Axum does not tell its routes, but its debug output does: by number, once the methods and once the path.
fn routed() -> Calls {
    let text = format!("{:?}", super::super::routes());
    let own = text.split("fallback_router").next().unwrap_or_default();
    let (methods, paths) = own.split_once("node: Node {").expect("axum's debug output has changed");
    let (methods, paths) = (numbered(methods, "allow_header: Bytes(b\""), numbered(paths, "\""));
    assert!(methods.len() > 20 && methods.len() == paths.len(), "axum's debug output has changed: {text}");
    let calls = methods.iter().flat_map(|(route, allowed)| {
        let methods = allowed.split(',').filter(|method| *method != "HEAD");
        methods.map(|method| (method.to_ascii_lowercase(), paths[route].to_owned()))
    });
    calls.collect()
}

/// The text between `before` and the next quotation mark, for each route.
fn numbered<'a>(text: &'a str, before: &str) -> BTreeMap<&'a str, &'a str> {
    let routes = text.split("RouteId(").skip(1).filter_map(|rest| {
        let (number, rest) = rest.split_once(')')?;
        Some((number, rest.split_once(before)?.1.split('"').next()?))
    });
    routes.collect()
}

fn documented() -> Calls {
    let document = serde_json::to_value(document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").clone();
    let calls = paths.iter().flat_map(|(path, item)| {
        item.as_object().expect("a path item").keys().map(|method| (method.clone(), path.clone()))
    });
    calls.collect()
}

#[test]
fn every_route_is_documented_and_nothing_else() {
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
