//! The served OpenAPI document as a list of calls that can be made.

use std::collections::BTreeSet;

use onhand_harness::{Client, Reply};
use serde_json::Value;

/// One operation, with its own example as the call that works.
#[derive(Clone)]
pub(super) struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    /// The least that a token must have; none: no token needed.
    pub scope: Option<String>,
    pub codes: BTreeSet<String>,
    pub media: Option<String>,
    pub body: Value,
    /// Path parameters, in the document's words, and what stands for them.
    pub at: Vec<(String, String)>,
    pub query: String,
    /// Of the body.
    pub most_bytes: usize,
}

/// All of the document's operations.
pub(super) fn operations(document: &Value) -> Vec<Operation> {
    let items = document["paths"].as_object().expect("paths").iter();
    let operations = items.flat_map(|(path, item)| {
        item.as_object().expect("a path item").iter().map(|(method, operation)| read(path, method, operation))
    });
    operations.collect()
}

fn read(path: &str, method: &str, operation: &Value) -> Operation {
    let responses = operation["responses"].as_object().expect("responses").values();
    let codes = responses.flat_map(|response| response["x-codes"].as_array().into_iter().flatten());
    // Of an import's two, CSV: its header can be malformed.
    let content = operation["requestBody"]["content"].as_object().and_then(|content| content.iter().next_back());
    let known = |name: &str| match (name, path.split('/').nth(2)) {
        ("sku", _) => "22423",
        ("lane", _) => "low",
        (_, Some("locations")) => "eu-1",
        (_, Some("channels")) => "web",
        ("rule", _) => "channel-buffer",
        _ => "0193a1b2-0000-7000-8000-000000000000",
    };
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let at = parameters.filter(|parameter| parameter["in"] == "path").map(|parameter| {
        let name = parameter["name"].as_str().expect("a name");
        (name.to_owned(), known(name).to_owned())
    });
    Operation {
        id: operation["operationId"].as_str().expect("an id").to_owned(),
        method: method.to_uppercase(),
        path: path.to_owned(),
        scope: operation["x-scope"].as_str().map(str::to_owned),
        codes: codes.map(|code| code.as_str().expect("a code").to_owned()).collect(),
        media: content.map(|(media, _)| media.clone()),
        body: content.map_or(Value::Null, |(_, content)| content["example"].clone()),
        at: at.collect(),
        query: String::new(),
        most_bytes: operation["x-max-bytes"].as_u64().map_or(1 << 20, |most| most as usize),
    }
}

impl Operation {
    pub(super) fn may(&self, code: &str) -> bool {
        self.codes.contains(code)
    }

    /// The same with another path parameter.
    pub(super) fn with_path(&self, value: &str) -> Self {
        let at = self.at.iter().map(|(name, _)| (name.clone(), value.to_owned())).collect();
        Self { at, ..self.clone() }
    }

    pub(super) fn with_body(&self, body: Value) -> Self {
        Self { body, ..self.clone() }
    }

    pub(super) fn with_query(&self, query: &str) -> Self {
        Self { query: query.to_owned(), ..self.clone() }
    }

    pub(super) fn address(&self) -> String {
        let path =
            self.at.iter().fold(self.path.clone(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        path + &self.query
    }

    /// The example's bytes in its media type; a load has none that JSON can show.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match (&self.body, self.media.as_deref()) {
            (Value::String(text), _) => text.clone().into_bytes(),
            (_, Some("application/msgpack")) => b"\x81\xa4skus\x91\xa522423".to_vec(),
            (Value::Null, _) => Vec::new(),
            (body, _) => body.to_string().into_bytes(),
        }
    }

    /// Makes the call, with a fresh key.
    pub(super) async fn call(&self, client: &Client) -> Reply {
        let media = self.media.clone();
        self.send(client, media.as_deref(), self.bytes(), Some(&uuid::Uuid::new_v4().to_string())).await
    }

    pub(super) async fn send(&self, client: &Client, media: Option<&str>, body: Vec<u8>, key: Option<&str>) -> Reply {
        let mut call = client.call(self.method.parse().expect("a method"), &self.address());
        // A refusal may leave the body unread, and the server then closes: no call on what another left.
        call = call.header("connection", "close");
        if let Some(media) = media {
            call = call.header("content-type", media);
        }
        if let Some(key) = key {
            call = call.key(key);
        }
        call.body_only(body).send().await
    }
}
