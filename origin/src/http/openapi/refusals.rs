//! Problems: one schema for each code, and the responses that a call's codes come to.

use std::collections::BTreeMap;

use onhand_wire::{Code, schema::Named};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, ObjectBuilder, Ref, RefOr, Response, Schema,
        extensions::ExtensionsBuilder,
        schema::{AllOf, OneOf, SchemaType},
    },
};

use super::{answers::Problem, headers};

/// Every code that the origin gives.
const CODES: [Code; 21] = [
    Code::InvalidRequest,
    Code::Unauthenticated,
    Code::Forbidden,
    Code::UnknownSku,
    Code::UnknownLocation,
    Code::UnknownChannel,
    Code::NotFound,
    Code::MethodNotAllowed,
    Code::InsufficientStock,
    Code::ReservationState,
    Code::VersionMismatch,
    Code::InUse,
    Code::TooLarge,
    Code::UnsupportedMediaType,
    Code::IdempotencyKeyReused,
    Code::IdempotencyKeyRequired,
    Code::RateLimited,
    Code::OriginUnavailable,
    Code::Maintenance,
    Code::Overloaded,
    Code::DeadlineExceeded,
];

/// The members that a code always has beyond the common ones.
fn members(code: Code) -> &'static [&'static str] {
    match code {
        Code::InvalidRequest => &["field"],
        Code::UnknownSku => &["sku"],
        Code::UnknownLocation => &["location"],
        Code::UnknownChannel => &["channel"],
        Code::InsufficientStock => &["lines"],
        Code::ReservationState => &["state"],
        Code::VersionMismatch => &["version", "on_hand"],
        Code::InUse => &["reserved"],
        Code::TooLarge => &["limit"],
        Code::RateLimited => &["limit"],
        Code::Maintenance => &["message"],
        _ => &[],
    }
}

fn name(code: Code) -> String {
    format!("Problem.{}", code.as_str())
}

fn only(value: impl Into<Value>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).enum_values(Some([value]))
}

fn schema(code: Code) -> RefOr<Schema> {
    let own = ObjectBuilder::new().property("code", only(code.as_str())).property("status", only(code.status()));
    let own = own.property("retry", only(code.retry()));
    let own = members(code).iter().fold(own, |own, member| own.required(*member));
    let common = Ref::from_schema_name(Problem::name());
    Schema::AllOf(AllOf::builder().item(common).item(own).build()).into()
}

pub(super) fn schemas() -> Named {
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    schemas.extend(CODES.map(|code| (name(code), schema(code))));
    schemas
}

/// One response a status, with its codes in the contract's order.
pub(super) fn responses(codes: &[Code], writes: bool) -> Vec<(u16, Response)> {
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in CODES.into_iter().filter(|code| codes.contains(code)) {
        by_status.entry(code.status()).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status, response(&codes, writes))).collect()
}

fn response(codes: &[Code], writes: bool) -> Response {
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let reference = |code: &Code| Ref::from_schema_name(name(*code));
    let schema: RefOr<Schema> = match codes {
        [one] => reference(one).into(),
        _ => Schema::OneOf(codes.iter().map(reference).fold(OneOf::builder(), |one, of| one.item(of)).build()).into(),
    };
    let mut response = Response::new(words.join(" · "));
    response.content.insert("application/problem+json".to_owned(), Content::new(Some(schema)));
    // A kept refusal is an answer like any other.
    let kept = writes && codes.contains(&Code::InsufficientStock);
    response.headers = headers::of(kept, codes.first().copied());
    response.extensions = Some(ExtensionsBuilder::new().add("x-codes", json!(words)).build());
    response
}
