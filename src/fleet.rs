//! Calls to edges or origins: the next node upon a failure, the same key until it is definite.

use std::{
    error::Error as _,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use onhand_http::setting::SecretUrl;
use onhand_wire::Sku;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What stops a command that asks nodes. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{url} is not an address; write it like http://127.0.0.1:8080")]
    Address { url: SecretUrl },
    #[error(
        "no definite answer to {call} within {seconds} s (last: {last}); check that the edges and origins named run and can be reached"
    )]
    NoAnswer { call: String, seconds: u64, last: String },
    #[error("{call} was refused with {status}: {detail}; {advice}")]
    Refused { call: String, status: u16, detail: String, advice: &'static str },
    #[error(
        "{call} gave an answer that this version does not understand ({what}); run the same version of onhand on both sides"
    )]
    Strange { call: String, what: String },
    #[error("Redis at {url}: {source}; check --redis (the address in the edges' [edge.redis] url), or leave it out")]
    Redis { url: SecretUrl, source: redis::RedisError },
    #[error("there is nothing to audit: the catalogue is empty; name SKUs with --sku, or import some")]
    NothingToAudit,
    #[error("cannot print the report: {0}; see that standard output is open, or write to a file that can grow")]
    Print(std::io::Error),
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// One try's life: a frozen node must not hold a caller for long.
const TRY: Duration = Duration::from_secs(10);

/// Nodes that answer alike, and the token to call them with.
pub(crate) struct Fleet {
    http: reqwest::Client,
    urls: Vec<String>,
    /// What they are called in reports.
    names: Vec<String>,
    token: String,
    patience: Duration,
    pub(crate) retries: AtomicU64,
}

/// A call that may be made again as it is.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub method: Method,
    pub path: String,
    pub key: Option<String>,
    /// Media type and bytes.
    pub body: Option<(&'static str, Bytes)>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), key: None, body: None }
    }

    pub(crate) fn json(method: Method, path: impl Into<String>, body: &Value) -> Self {
        let body = Some(("application/json", Bytes::from(body.to_string())));
        Self { method, path: path.into(), key: None, body }
    }

    /// A write: whatever happens to the answer, it is done once.
    pub(crate) fn once(self) -> Self {
        Self { key: Some(uuid::Uuid::new_v4().to_string()), ..self }
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A definite answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub call: String,
    pub node: usize,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Strange { call: self.call.clone(), what: error.to_string() })
    }

    /// A member of a problem's body, as text; empty if there is none.
    pub(crate) fn problem(&self, member: &str) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body[member].as_str().unwrap_or_default().to_owned()
    }

    /// Itself, if it succeeded.
    pub(crate) fn success(self) -> Result<Self, Error> {
        if (200..300).contains(&self.status) {
            return Ok(self);
        }
        let advice = match self.status {
            401 => "give tokens that these nodes' key verifies and that have not expired",
            403 => "give a token of the scope that --help names",
            404 => "check that edges are named by their public listeners and origins by their API listeners",
            _ => "see the node's log under this call's correlation id",
        };
        Err(Error::Refused { status: self.status, detail: self.problem("detail"), call: self.call, advice })
    }

    fn may_be_asked_again(&self) -> bool {
        matches!(self.status, 429 | 502 | 503 | 504) || (self.status == 409 && self.problem("retry") == "same_key")
    }
}

impl Fleet {
    pub(crate) fn new(urls: &[String], token: &str, patience: Duration) -> Result<Self, Error> {
        for url in urls {
            let parsed = reqwest::Url::parse(url).ok().filter(|parsed| parsed.scheme() == "http" && parsed.has_host());
            parsed.ok_or_else(|| Error::Address { url: SecretUrl::new(url) })?;
        }
        let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(2)).timeout(TRY).no_proxy();
        let http = http.build().expect("a client without TLS needs nothing that can be missing");
        let urls: Vec<_> = urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        let names = urls.iter().map(|url: &String| SecretUrl::new(url).to_string()).collect();
        Ok(Self { http, urls, names, token: token.to_owned(), patience, retries: AtomicU64::new(0) })
    }

    pub(crate) fn len(&self) -> usize {
        self.urls.len()
    }

    /// A node's address as it may be shown.
    pub(crate) fn url(&self, node: usize) -> &str {
        &self.names[node]
    }

    /// Asks one node, then the next, until one gives a definite answer.
    pub(crate) async fn ask(&self, first: usize, ask: &Ask) -> Result<Answer, Error> {
        self.ask_until_definite(first, 1, ask).await
    }

    /// Asks this node alone until it gives a definite answer.
    pub(crate) async fn ask_only(&self, node: usize, ask: &Ask) -> Result<Answer, Error> {
        self.ask_until_definite(node, 0, ask).await
    }

    async fn ask_until_definite(&self, first: usize, step: usize, ask: &Ask) -> Result<Answer, Error> {
        let (began, mut pause, mut node) = (Instant::now(), FIRST_PAUSE, first % self.urls.len());
        loop {
            let last = match self.ask_once(node, ask).await {
                Ok(answer) if !answer.may_be_asked_again() => return Ok(answer),
                Ok(answer) => format!("{} {}", answer.status, answer.problem("code")),
                Err(why) => why,
            };
            if began.elapsed() > self.patience {
                return Err(Error::NoAnswer { call: ask.name(), seconds: self.patience.as_secs(), last });
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            node = (node + step) % self.urls.len();
        }
    }

    /// One try at one node; why there was no answer.
    pub(crate) async fn ask_once(&self, node: usize, ask: &Ask) -> Result<Answer, String> {
        let url = format!("{}{}", self.urls[node], ask.path);
        let mut request = self.http.request(ask.method.clone(), url).bearer_auth(&self.token);
        if let Some(key) = &ask.key {
            request = request.header("idempotency-key", key);
        }
        if let Some((media_type, body)) = &ask.body {
            request = request.header("content-type", *media_type).body(body.clone());
        }
        let response = request.send().await.map_err(|error| causes(&error.without_url()))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(|error| causes(&error.without_url()))?;
        Ok(Answer { call: ask.name(), node, status, headers, body })
    }
}

/// reqwest's own message leaves out what matters.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The path that looks one SKU up.
pub(crate) fn lookup(sku: &Sku) -> String {
    format!("/v1/availability/{}", utf8_percent_encode(sku.as_str(), NON_ALPHANUMERIC))
}
