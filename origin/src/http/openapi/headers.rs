//! The headers that calls take and answers carry.

use std::collections::BTreeMap;

use onhand_wire::{Code, Timestamp, schema};
use utoipa::{
    PartialSchema,
    openapi::{
        Header, Object, ObjectBuilder, RefOr, Required, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

pub(super) const KEY: &str = "Idempotency-Key";

fn taken(name: &str, says: &str, required: bool, schema: impl Into<RefOr<Schema>>) -> Parameter {
    let required = if required { Required::True } else { Required::False };
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(required);
    parameter.description(Some(says)).schema(Some(schema)).build()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn correlation() -> Parameter {
    let says =
        "Echoed, logged and passed on; one is made where it is missing, or not 1 to 128 visible ASCII characters.";
    taken("X-Correlation-Id", says, false, string())
}

pub(super) fn key(required: bool) -> Parameter {
    let says = "Makes the call safe to repeat: the same call under the same key gets the first answer again. Keys \
                belong to the token's subject and are kept 25 h; kept are successes and insufficient_stock.";
    taken(KEY, says, required, schema::idempotency_key())
}

/// How an import's body is packed.
pub(super) fn packed() -> Parameter {
    let words = string().enum_values(Some(["identity", "gzip", "zstd"]));
    taken("Content-Encoding", "How the body is packed; its limit is of what it unpacks to.", false, words)
}

pub(super) fn session() -> Parameter {
    let says = "An earlier answer's `Onhand-Session`; the new one reflects both.";
    taken("Onhand-Session", says, false, string())
}

pub(super) fn timeout() -> Parameter {
    let ms = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(10));
    taken(
        "Onhand-Timeout-Ms",
        "How long the caller waits; beyond, 504 deadline_exceeded. More than 600000 counts as 600000.",
        false,
        ms,
    )
}

fn given(says: &str, schema: impl Into<RefOr<Schema>>) -> Header {
    Header::builder().schema(schema).description(Some(says)).build()
}

/// Those of an answer: of a write's success (or kept refusal), or of a problem of this code.
pub(super) fn of(written: bool, code: Option<Code>) -> BTreeMap<String, Header> {
    let mut headers = BTreeMap::new();
    let mut add = |name: &str, header: Header| drop(headers.insert(name.to_owned(), header));
    add("X-Correlation-Id", given("The call's, taken or made.", string()));
    if written {
        add("Onhand-Session", given("Send it with a lookup, and this write is in.", string()));
        let says = "Rounded up: every answer with a later one reflects the write.";
        add("Onhand-As-Of", given(says, Timestamp::schema()));
        let says = "There when this is the first answer again, by `Idempotency-Key`.";
        add("Idempotent-Replayed", given(says, Object::from(string().enum_values(Some(["true"])))));
    }
    if code.is_some_and(|code| code.retry_after_s().is_some()) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        add("Retry-After", given("Seconds.", seconds));
    }
    headers
}
