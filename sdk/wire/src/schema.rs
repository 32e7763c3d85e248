//! JSON Schemas with this crate's limits, for the origin's OpenAPI document.
//!
//! Types that check themselves have their schema here; a field that its struct checks refers to one here with
//! `schema_with`. JSON Schema counts characters where [`limits`] counts bytes of UTF-8, so a text near its limit that
//! is not ASCII may still be refused.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        AllOf, Array, KnownFormat, Object, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat,
        schema::{AnyOf, ArrayBuilder, SchemaType, Type},
    },
};

use crate::{
    ChannelId, LocationId, Quantity, RestockAt, Sku, Timestamp, Version,
    bulk::LOAD_SKUS,
    limits,
    request::{FulfilLine, HoldLine, LineQuantity},
};

/// No control characters.
const TEXT: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// The same, and not only white space.
const REQUIRED_TEXT: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";
/// No control characters, no space at either end.
const SKU: &str = r"^[^ \x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^ \x00-\x1f\x7f-\x9f])?$";
const VISIBLE_ASCII: &str = "^[!-~]+$";

/// Named schemas, for a document's components.
pub type Named = Vec<(String, RefOr<Schema>)>;

/// The schemas that others here refer to by name.
pub fn named() -> Named {
    fn add<T: ToSchema>(named: &mut Named) {
        named.push((T::name().into_owned(), T::schema()));
        T::schemas(named);
    }
    let mut named = Named::new();
    add::<HoldLine>(&mut named);
    add::<LineQuantity>(&mut named);
    add::<FulfilLine>(&mut named);
    add::<RestockAt>(&mut named);
    named
}

fn string(pattern: &str, least: usize, most: usize) -> ObjectBuilder {
    let string = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).max_length(Some(most));
    if least > 0 { string.min_length(Some(least)) } else { string }
}

fn nullable(kind: Type) -> SchemaType {
    SchemaType::from_iter([kind, Type::Null])
}

fn whole(least: i64, most: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(least as isize)).maximum(Some(most as isize))
}

fn reference<T: ToSchema>() -> Ref {
    Ref::from_schema_name(T::name())
}

fn lines<T: ToSchema>() -> ArrayBuilder {
    ArrayBuilder::new().items(reference::<T>()).min_items(Some(1)).max_items(Some(limits::RESERVATION_LINES))
}

pub fn text() -> Object {
    string(REQUIRED_TEXT, 1, limits::TEXT_BYTES).into()
}

pub fn optional_text() -> Object {
    string(TEXT, 0, limits::TEXT_BYTES).schema_type(nullable(Type::String)).into()
}

pub fn idempotency_key() -> Object {
    string(VISIBLE_ASCII, 1, limits::IDEMPOTENCY_KEY_CHARS).into()
}

/// 1 to the largest quantity.
pub fn positive() -> Object {
    whole(1, limits::QUANTITY.into()).description(Some("Whole units.")).into()
}

pub fn delta() -> Schema {
    let most = i64::from(limits::QUANTITY);
    let not_zero = AnyOf::builder().item(whole(-most, -1)).item(whole(1, most));
    Schema::AnyOf(not_zero.description(Some("Whole units, not 0.")).build())
}

pub fn ttl_s() -> Object {
    whole(1, limits::TTL_S.into()).description(Some("Seconds from now.")).into()
}

pub fn ttl_s_default() -> Object {
    ObjectBuilder::from(ttl_s()).default(Some(limits::TTL_DEFAULT_S.into())).into()
}

/// A line's number: the first is 0.
pub fn line() -> Object {
    whole(0, limits::RESERVATION_LINES as i64 - 1).description(Some("The first line is 0.")).into()
}

pub fn hold_lines() -> Array {
    lines::<HoldLine>().into()
}

pub fn confirmed_lines() -> Array {
    let lines = lines::<LineQuantity>().schema_type(nullable(Type::Array));
    lines.description(Some("Each line once; a line left out is confirmed whole.")).into()
}

pub fn fulfilled_lines() -> Array {
    let lines = lines::<FulfilLine>().schema_type(nullable(Type::Array));
    lines.description(Some("Without it, all that is left ships.")).into()
}

pub fn returned_lines() -> Array {
    let at_least_one = Object::builder().property("quantity", positive());
    lines::<LineQuantity>().items(AllOf::builder().item(reference::<LineQuantity>()).item(at_least_one)).into()
}

pub fn country() -> Object {
    string("^[A-Z]{2}$", 2, 2).description(Some("ISO 3166-1.")).into()
}

fn degrees(most: isize) -> Object {
    let degrees = ObjectBuilder::new().schema_type(nullable(Type::Number)).minimum(Some(-most)).maximum(Some(most));
    degrees.description(Some("Degrees.")).into()
}

pub fn latitude() -> Object {
    degrees(90)
}

pub fn longitude() -> Object {
    degrees(180)
}

pub fn priority() -> Object {
    let all = whole(i32::MIN.into(), i32::MAX.into());
    all.description(Some("Lower serves first.")).default(Some(0.into())).into()
}

pub fn amount() -> Object {
    whole(0, limits::AMOUNT).description(Some("Minor units.")).into()
}

pub fn currency() -> Object {
    string("^[A-Z]{3}$", 3, 3).description(Some("ISO 4217.")).into()
}

pub fn attributes() -> Object {
    let values = string(TEXT, 0, limits::TEXT_BYTES).build();
    let attributes = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(Schema::Object(values)));
    attributes.property_names(Some(Schema::Object(text()))).max_properties(Some(limits::ATTRIBUTES)).into()
}

pub fn channel_locations() -> Array {
    let locations = ArrayBuilder::new().items(reference::<LocationId>()).max_items(Some(limits::LOCATIONS));
    locations.unique_items(true).description(Some("In serving order.")).into()
}

pub fn allocation() -> Object {
    let says = "priority, most_stock, fewest_splits, nearest, the name of a loaded allocation or ranking rule, or \
                two to four such names separated by commas, whose ranks are merged in this order.";
    let name = string(TEXT, 0, limits::TEXT_BYTES);
    name.description(Some(says)).default(Some("priority".into())).into()
}

pub fn optional_restock_at() -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    let says = "Left out: unchanged. Null: cleared.";
    Schema::AnyOf(AnyOf::builder().item(null).item(reference::<RestockAt>()).description(Some(says)).build())
}

pub fn load_skus() -> Array {
    ArrayBuilder::new().items(reference::<Sku>()).max_items(Some(LOAD_SKUS)).into()
}

/// In MessagePack.
pub fn binary_id() -> Object {
    ObjectBuilder::new().schema_type(Type::Null).description(Some("Or the 16 bytes of a UUID.")).into()
}

macro_rules! schema_of {
    ($name:ident, $schema:expr) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}

const ID: &str = "^[A-Za-z0-9][A-Za-z0-9_-]*$";

schema_of!(Sku, string(SKU, 1, limits::SKU_BYTES).examples(["22423"]));
schema_of!(LocationId, string(ID, 1, limits::ID_CHARS).examples(["eu-1"]));
schema_of!(ChannelId, string(ID, 1, limits::ID_CHARS).examples(["web"]));
schema_of!(Quantity, whole(0, limits::QUANTITY.into()).description(Some("Whole units.")));
schema_of!(Version, string("^[0-9]+[.][0-9]+$", 3, 32).description(Some("Opaque.")).examples(["1.42"]));
schema_of!(
    Timestamp,
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples(["2026-01-31T09:30:00.000Z"])
);
schema_of!(RestockAt, {
    let text = |format| ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    Schema::AnyOf(AnyOf::builder().item(text(KnownFormat::Date)).item(text(KnownFormat::DateTime)).build())
});
