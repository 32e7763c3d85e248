//! A caller: paths and JSON in, status, headers and JSON out.

use std::{path::Path, time::Duration};

pub use onhand_client::encode;
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

/// One connection pool for each world: a pool belongs to the runtime of its test.
pub(crate) fn http() -> reqwest::Client {
    builder().build().expect("an HTTP client")
}

/// A client that trusts an authority.
pub(crate) fn https(root: &Path) -> reqwest::Client {
    let pem = std::fs::read(root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let root = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    builder().tls_certs_only([root]).build().expect("an HTTP client")
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().connect_timeout(Duration::from_secs(2)).timeout(Duration::from_secs(30))
}

/// Calls one listener with one token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, base: String, token: Option<String>) -> Self {
        Self { http, base, token }
    }

    /// For a node outside a world, such as one that a test started itself.
    pub fn at(base: &str, token: Option<&str>) -> Self {
        Self::new(http(), base.to_owned(), token.map(str::to_owned))
    }

    /// The same by TLS, over connections of its own, where `root` is believed.
    pub fn believing(root: &Path, base: &str, token: Option<&str>) -> Self {
        Self::new(https(root), base.to_owned(), token.map(str::to_owned))
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path).send().await
    }

    /// A POST with a fresh `Idempotency-Key`; [`Client::call`] leaves the key to the test.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path).key(&uuid::Uuid::new_v4().to_string()).json(body).send().await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path).json(body).send().await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path).send().await
    }

    /// Any call, built by hand.
    pub fn call(&self, method: Method, path: &str) -> Call {
        let request = self.http.request(method, format!("{}{path}", self.base));
        Call(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }
}

/// A call that has not been sent yet.
#[must_use = "a call is made by .send().await"]
pub struct Call(reqwest::RequestBuilder);

impl Call {
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub fn key(self, idempotency_key: &str) -> Self {
        self.header("idempotency-key", idempotency_key)
    }

    pub fn json(self, body: Value) -> Self {
        Self(self.0.json(&body))
    }

    /// A body with the content type that was set by hand, or none.
    pub fn body_only(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    pub fn body(self, media_type: &str, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("content-type", media_type).body(body))
    }

    /// Panics when there is no answer at all.
    pub async fn send(self) -> Reply {
        self.try_send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// For calls that a fault may interrupt.
    pub async fn try_send(self) -> Result<Reply, reqwest::Error> {
        let response = self.0.send().await?;
        let (status, headers, url) =
            (response.status().as_u16(), response.headers().clone(), response.url().to_string());
        Ok(Reply { status, headers, url, body: response.bytes().await?.to_vec() })
    }
}

impl Call {
    /// Skips the body of a stream, which has no end.
    pub async fn send_and_leave_streams(self) -> Reply {
        let response = self.0.send().await.unwrap_or_else(|error| panic!("no answer: {error:?}"));
        let (status, headers, url) =
            (response.status().as_u16(), response.headers().clone(), response.url().to_string());
        let stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let body = if stream { Vec::new() } else { response.bytes().await.expect("a body").to_vec() };
        Reply { status, headers, url, body }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub url: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// Returns itself if it has this status; otherwise panics with the whole answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.url, self.text());
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.url, self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The problem's code; empty if it is not a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}
