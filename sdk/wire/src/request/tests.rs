//! Bodies that each have one fault.

use serde::de::DeserializeOwned;

use super::*;
use crate::Code;

fn field_of<T: DeserializeOwned + Check + std::fmt::Debug>(body: &str) -> String {
    let problem = read::<T>(body.as_bytes()).unwrap_err();
    assert_eq!(problem.code, Code::InvalidRequest);
    problem.members["field"].as_str().unwrap().to_owned()
}

#[test]
fn every_fault_names_its_field() {
    assert_eq!(field_of::<Hold>(r#"{"lines":[],"x":1}"#), "x");
    assert_eq!(field_of::<Hold>("{}"), "lines");
    assert_eq!(field_of::<Hold>(r#"{"lines":[]}"#), "lines");
    assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a"}]}"#), "lines[0].quantity");
    assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":0}]}"#), "lines[0].quantity");
    assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":" a","quantity":1}]}"#), "lines[0].sku");
    assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":1.5}]}"#), "lines[0].quantity");
    assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":1}],"ttl_s":0}"#), "ttl_s");
    assert_eq!(field_of::<Hold>("nonsense"), "body");
    assert_eq!(field_of::<Hold>("[]"), "body");
    assert_eq!(field_of::<SetStock>(r#"{"location":"-","quantity":1,"reason":"r"}"#), "location");
}

#[test]
fn a_number_without_a_fraction_is_whole() {
    let quantity = |text: &str| {
        let hold = read::<Hold>(format!(r#"{{"lines":[{{"sku":"a","quantity":{text}}}]}}"#).as_bytes());
        hold.ok().map(|hold| hold.lines[0].quantity.get())
    };
    for text in ["5", "5.0", "5.000", "5e0", "0.5e1"] {
        assert_eq!(quantity(text), Some(5), "{text}");
    }
    for text in ["5.5", "-5.0", "1e10", "5.0000001"] {
        assert_eq!(quantity(text), None, "{text}");
    }
    let adjust = r#"{"location":"a","delta":-3.0,"kind":"lost","reason":"r"}"#;
    assert_eq!(read::<Adjust>(adjust.as_bytes()).unwrap().delta, -3);
}

#[test]
fn an_object_is_written_as_one_and_faults_are_told_in_words_of_json() {
    for body in ["[]", "[null]", "[[]]"] {
        assert_eq!(field_of::<Confirm>(body), "body");
        assert_eq!(field_of::<Fulfil>(body), "body");
    }
    assert_eq!(field_of::<Hold>(r#"{"lines":[["a",1]]}"#), "lines[0]");
    assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":1}],"destination":["GB"]}"#), "destination");
    assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":1}],"policy":null}"#), "policy");
    for body in [r#"{"lines":[["a",1]]}"#, r#"{"lines":[{"sku":"a","quantity":"1"}]}"#, r#"{"lines":1,"policy":null}"#]
    {
        let detail = read::<Hold>(body.as_bytes()).unwrap_err().detail;
        assert!(!detail.contains("struct") && !detail.contains("i64") && !detail.contains("not JSON"), "{detail}");
    }
}

#[test]
fn a_policy_tells_cleared_from_absent() {
    let policy: Policy = read(br#"{"restock_at":null}"#).unwrap();
    assert_eq!(policy.restock_at, Some(None));
    let policy: Policy = read(b"").unwrap();
    assert_eq!(policy.restock_at, None);
}

#[test]
fn a_body_without_a_type_is_json_and_none_is_decoded() {
    let code = |kind: Option<&str>, encoding: Option<&str>| {
        require_json(kind.map(str::as_bytes), encoding.map(str::as_bytes)).err().map(|problem| problem.code)
    };
    for json in [None, Some("application/json"), Some("Application/JSON ; charset=utf-8"), Some("")] {
        assert_eq!(code(json, None), None, "{json:?}");
        assert_eq!(code(json, Some("Identity")), None);
        assert_eq!(code(json, Some("gzip")), Some(Code::UnsupportedMediaType));
    }
    assert_eq!(code(Some("text/plain"), None), Some(Code::UnsupportedMediaType));
}
