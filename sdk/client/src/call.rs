//! A call that has not been made yet. Awaiting it makes it.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use bytes::Bytes;
use onhand_wire::{limits, page::Page, session};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Answer, Client, Error, Pieces, Reply,
    ask::{Ask, Body},
    client::Way,
};

/// A call, and its options.
#[must_use = "a call is made by .await"]
pub struct Call<T> {
    client: Client,
    pub(crate) ask: Ask,
    pub(crate) way: Way,
    read: fn(&Answer) -> Result<T, Error>,
}

impl Client {
    /// A call that has no function of its own; its answer is JSON.
    pub fn call(&self, method: Method, path: impl Into<String>) -> Call<Value> {
        self.asks(Ask::new(method, path))
    }

    pub(crate) fn asks<T: DeserializeOwned>(&self, ask: Ask) -> Call<T> {
        Call { client: self.clone(), ask, way: self.way(), read: of_success }
    }

    /// A list that has no function of its own, page by page.
    pub fn list(&self, path: impl Into<String>) -> Call<Page<Value>> {
        self.gets(path)
    }

    pub(crate) fn gets<T: DeserializeOwned>(&self, path: impl Into<String>) -> Call<T> {
        self.asks(Ask::new(Method::GET, path))
    }

    /// A call that only reads, although it has a body.
    pub(crate) fn looks<T: DeserializeOwned>(&self, path: impl Into<String>, body: &impl Serialize) -> Call<T> {
        self.asks(Ask::new(Method::POST, path)).json(body)
    }

    /// A write has a key, so it is done once, whatever happens to its answer.
    pub(crate) fn writes<T: DeserializeOwned>(
        &self,
        method: Method,
        path: impl Into<String>,
        body: &impl Serialize,
    ) -> Call<T> {
        self.asks(Ask::new(method, path)).json(body).new_key()
    }

    pub(crate) fn posts<T: DeserializeOwned>(&self, path: impl Into<String>, body: &impl Serialize) -> Call<T> {
        self.writes(Method::POST, path, body)
    }

    pub(crate) fn puts<T: DeserializeOwned>(&self, path: impl Into<String>, body: &impl Serialize) -> Call<T> {
        self.writes(Method::PUT, path, body)
    }
}

fn of_success<T: DeserializeOwned>(answer: &Answer) -> Result<T, Error> {
    answer.success()?.json()
}

impl<T> Call<T> {
    /// The write's `Idempotency-Key`, 1 to 128 visible ASCII characters: the same call with the same key gets the first
    /// one's answer, even tomorrow. Without this, a new key is made for the call and its retries.
    pub fn key(self, key: impl Into<String>) -> Self {
        self.header("idempotency-key", key)
    }

    pub(crate) fn new_key(self) -> Self {
        self.key(uuid::Uuid::new_v4().to_string())
    }

    /// With a write's [`Reply::session`], the answer shows that write.
    pub fn session(self, token: &str) -> Self {
        self.header(session::HEADER, token)
    }

    /// If the node has nothing that fresh, it asks the origin, or answers that it cannot.
    pub fn max_staleness(self, most: Duration) -> Self {
        self.header("onhand-max-staleness", most.as_millis().to_string())
    }

    /// Tells the node how long its own work on one try may take, 10 ms or more.
    pub fn deadline(self, deadline: Duration) -> Self {
        self.header("onhand-timeout-ms", deadline.as_millis().to_string())
    }

    /// The id that all nodes which the call passes write into their logs.
    pub fn correlation_id(self, id: &str) -> Self {
        self.header("x-correlation-id", id)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.ask.set(name, value);
        self
    }

    pub fn json(self, body: &impl Serialize) -> Self {
        self.body("application/json", serde_json::to_vec(body).expect("plain data encodes"))
    }

    pub fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.ask.body = Body::Bytes(body.into());
        self.header("content-type", media_type)
    }

    /// Asks this node first, then the next ones.
    pub fn starting_at(mut self, node: usize) -> Self {
        self.way.first = node;
        self
    }

    /// Asks only this node.
    pub fn only(mut self, node: usize) -> Self {
        self.way.only = true;
        self.starting_at(node)
    }

    /// Makes one try.
    pub fn once(self) -> Self {
        self.patience(Duration::ZERO)
    }

    /// Overrides the client's own ([`crate::Builder::patience`]).
    pub fn patience(mut self, patience: Duration) -> Self {
        self.way.patience = patience;
        self
    }

    /// Overrides the client's own ([`crate::Builder::try_timeout`]).
    pub fn try_timeout(mut self, timeout: Duration) -> Self {
        self.way.timeout = Some(timeout);
        self
    }

    /// A query parameter, if there is a value; a name may be given several times.
    pub fn with(mut self, name: &str, value: Option<impl std::fmt::Display>) -> Self {
        self.ask.with(name, value);
        self
    }

    /// The body as it comes, however long it is and lasts: one try, at one node. A refusal is an error.
    pub async fn pieces(self) -> Result<Pieces, Error> {
        self.client.open(&self.ask, self.way).await
    }

    pub(crate) fn read_by<U>(self, read: fn(&Answer) -> Result<U, Error>) -> Call<U> {
        let Self { client, ask, way, .. } = self;
        Call { client, ask, way, read }
    }

    /// The raw answer, of any status.
    pub async fn answer(self) -> Result<Answer, Error> {
        self.client.send(&self.ask, self.way).await
    }
}

impl<T> Call<Page<T>> {
    /// Most items of a page, 1 to 500; the default is 100.
    pub fn limit(mut self, limit: usize) -> Self {
        self.ask.query.retain(|(name, _)| name != "limit");
        self.ask.with("limit", Some(limit));
        self
    }

    /// The page after the one with this `next_cursor`.
    pub fn after(mut self, cursor: &str) -> Self {
        self.ask.query.retain(|(name, _)| name != "cursor");
        self.ask.with("cursor", Some(cursor));
        self
    }

    /// Fetches page after page, up to `most` items.
    pub async fn items(mut self, most: usize) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        while items.len() < most {
            self = self.limit((most - items.len()).min(limits::PAGE));
            let page = (self.read)(&self.client.send(&self.ask, self.way).await?)?;
            items.extend(page.items);
            let Some(cursor) = page.next_cursor else { break };
            self = self.after(&cursor);
        }
        Ok(items)
    }
}

impl<T: Send + 'static> IntoFuture for Call<T> {
    type Output = Result<Reply<T>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.client.send(&self.ask, self.way).await?;
            Ok(answer.with((self.read)(&answer)?))
        })
    }
}
