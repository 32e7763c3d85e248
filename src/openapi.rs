//! The edge's OpenAPI document: the origin's of what both serve alike, and the lookups', which are only here.

use serde_json::{Value, json};

/// What only edges serve: paths and schemas.
const LOOKUPS: &str = include_str!("openapi/lookups.json");

const ABOUT: &str = "What a shop calls: lookups, quotes, streams, reservations and orders. Bodies are JSON in UTF-8 up to 1 MiB; \
unknown members and query parameters are refused with a 400 that names them. Errors are `application/problem+json` \
(RFC 9457) with a stable `code`; `retry` says whether the same call may be made again. Reservations are decided by the \
origin, which the edge passes them to.";

pub fn edge() -> Value {
    let mut document = serde_json::to_value(onhand_origin::openapi()).expect("plain data encodes");
    let own: Value = serde_json::from_str(LOOKUPS).expect("a test reads it");
    let mut paths = own["paths"].as_object().cloned().unwrap_or_default();
    let shared = document["paths"].as_object().cloned().unwrap_or_default();
    paths.extend(shared.into_iter().filter(|(path, _)| path.starts_with("/v1/")));
    // Lists of orders are the origin's alone.
    if let Some(orders) = paths.get_mut("/v1/orders").and_then(Value::as_object_mut) {
        orders.remove("get");
    }
    document["paths"] = paths.into();
    if let (Some(schemas), Some(own)) = (document["components"]["schemas"].as_object_mut(), own["schemas"].as_object())
    {
        schemas.extend(own.clone());
        drop_unused(&mut document);
    }
    document["info"]["title"] = json!("Onhand edge");
    document["info"]["description"] = json!(ABOUT);
    document
}

/// Schemas that nothing leads to.
fn drop_unused(document: &mut Value) {
    let mut used = std::collections::BTreeSet::new();
    let mut left = vec![document["paths"].clone()];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
                if let Some(name) = reference.as_deref().and_then(|name| name.strip_prefix("#/components/schemas/"))
                    && used.insert(name.to_owned())
                {
                    left.push(document["components"]["schemas"][name].clone());
                }
                left.extend(members.into_iter().map(|(_, value)| value));
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.retain(|name, _| used.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use onhand_http::auth::Access;

    use super::*;

    /// Method and path, and the scope that the document names.
    fn documented() -> BTreeMap<String, String> {
        let document = edge();
        let paths = document["paths"].as_object().unwrap().clone();
        let operations = paths.iter().flat_map(|(path, item)| {
            let item = item.as_object().unwrap().clone();
            item.into_iter().map(move |(method, operation)| {
                let scope = operation["x-scope"].as_str().unwrap_or("anyone").to_owned();
                (format!("{} {path}", method.to_uppercase()), scope)
            })
        });
        operations.collect()
    }

    #[test]
    fn every_route_of_the_edge_is_documented_with_its_scope_and_nothing_else() {
        let [public, _] = onhand_edge::routed();
        let routed = public.into_iter().map(|route| {
            let scope = match route.access {
                Access::Token(scope) => scope.as_str().to_owned(),
                Access::Reader => "reader".to_owned(),
                Access::Anyone => "anyone".to_owned(),
            };
            (format!("{} {}", route.method, route.path), scope)
        });
        // By GET it is the lookup of an item of that name; `/` leads to the console in `onhand dev`, and is 404 elsewhere.
        let routed = routed.filter(|(call, _)| !matches!(call.as_str(), "GET /v1/availability/query" | "GET /"));
        assert_eq!(routed.collect::<BTreeMap<_, _>>(), documented());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = edge();
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
}
