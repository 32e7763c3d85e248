//! Calls nodes that give the same answers, one after the other, until an answer is final.

use std::{
    error::Error as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use onhand_http::setting::Secret;

use crate::{Answer, Error, Retry, ask::Ask, pace::Pace, token::Token};

/// Calls one listener, or several that give the same answers. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub http: reqwest::Client,
    pub nodes: Vec<Node>,
    pub token: Token,
    pub try_timeout: Duration,
    pub patience: Duration,
    pub again: AtomicU64,
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Without a final slash.
    pub url: String,
    /// The address without secrets.
    pub name: String,
}

/// How a call is made.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub first: usize,
    /// Whether only the first node is asked.
    pub only: bool,
    pub patience: Duration,
    /// The limit of one try; `None` for an upload, which may take any time.
    pub timeout: Option<Duration>,
}

impl Client {
    /// How many nodes it knows, 1 or more.
    pub fn nodes(&self) -> usize {
        self.shared.nodes.len()
    }

    /// A node's address without secrets.
    pub fn name(&self, node: usize) -> &str {
        &self.shared.nodes[node].name
    }

    /// The same nodes, connections and patience with another token: for a process that calls in several people's names.
    pub fn with_token(&self, token: &str) -> Self {
        let Shared { http, nodes, try_timeout, patience, .. } = &*self.shared;
        let shared = Shared {
            http: http.clone(),
            nodes: nodes.clone(),
            token: Token::Text(Secret::new(token)),
            try_timeout: *try_timeout,
            patience: *patience,
            again: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// How often calls were repeated.
    pub fn retries(&self) -> u64 {
        self.shared.again.load(Ordering::Relaxed)
    }

    pub(crate) fn way(&self) -> Way {
        let Shared { patience, try_timeout, .. } = *self.shared;
        Way { first: 0, only: false, patience, timeout: Some(try_timeout) }
    }

    /// The last answer, if the last try had one.
    pub(crate) async fn send(&self, ask: &Ask, way: Way) -> Result<Answer, Error> {
        let (began, mut pace) = (Instant::now(), Pace::new());
        let (mut node, mut tries) = (way.first % self.nodes(), 0);
        loop {
            tries += 1;
            let tried = self.attempt(node, ask, way.timeout, tries).await?;
            let refused = tried.as_ref().ok().filter(|answer| !answer.status.is_success()).map(Answer::problem);
            let definite = tried.is_ok() && refused.as_ref().is_none_or(|problem| problem.retry == Retry::Never);
            let left = way.patience.saturating_sub(began.elapsed());
            if definite || left.is_zero() {
                return tried.map_err(|last| self.no_answer(ask, way, tries, began, last));
            }
            self.shared.again.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pace.next(refused.as_ref()).min(left)).await;
            node = if way.only { node } else { (node + 1) % self.nodes() };
        }
    }

    /// Makes one try; the inner error says why there was no answer.
    async fn attempt(
        &self,
        node: usize,
        ask: &Ask,
        timeout: Option<Duration>,
        tries: u32,
    ) -> Result<Result<Answer, String>, Error> {
        let at = &self.shared.nodes[node];
        let mut request = self.shared.http.request(ask.method.clone(), format!("{}{}", at.url, ask.target()));
        if let Some(timeout) = timeout {
            request = request.timeout(timeout);
        }
        if let Some(token) = self.shared.token.read().await? {
            request = request.bearer_auth(token.expose());
        }
        let sent = ask.written(request).await?.send().await;
        let answer = async {
            let response = sent?;
            let (status, headers) = (response.status(), response.headers().clone());
            let (call, from, body) = (ask.name(), at.name.clone(), response.bytes().await?);
            Ok::<_, reqwest::Error>(Answer { call, node, from, status, headers, body, tries })
        };
        match answer.await {
            Err(error) if error.is_builder() => {
                Err(Error::Unsendable { call: ask.name(), what: causes(&error.without_url()) })
            }
            answer => Ok(answer.map_err(|error| causes(&error.without_url()))),
        }
    }

    /// One try, whose body is left to be read.
    pub(crate) async fn open(&self, ask: &Ask, way: Way) -> Result<Pieces, Error> {
        let (began, node) = (Instant::now(), way.first % self.nodes());
        let at = &self.shared.nodes[node];
        let mut request = self.shared.http.request(ask.method.clone(), format!("{}{}", at.url, ask.target()));
        if let Some(token) = self.shared.token.read().await? {
            request = request.bearer_auth(token.expose());
        }
        let response = ask.written(request).await?.send().await;
        let response = response
            .map_err(|error| self.no_answer(ask, Way { only: true, ..way }, 1, began, causes(&error.without_url())))?;
        if response.status().is_success() {
            return Ok(Pieces { call: ask.name(), response });
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap_or_default();
        let answer = Answer { call: ask.name(), node, from: at.name.clone(), status, headers, body, tries: 1 };
        Err(Error::Problem(Box::new(answer.problem())))
    }

    fn no_answer(&self, ask: &Ask, way: Way, tries: u32, began: Instant, last: String) -> Error {
        let all = self.shared.nodes.iter().map(|node| node.name.clone());
        let nodes = if way.only { vec![self.name(way.first % self.nodes()).to_owned()] } else { all.collect() };
        Error::NoAnswer { call: ask.name(), nodes, tries, took: began.elapsed(), last }
    }
}

/// An answer's body, read as it comes.
pub struct Pieces {
    call: String,
    response: reqwest::Response,
}

impl Pieces {
    /// None at its end; an error where it broke off: then what came is not all.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let broken = |error: reqwest::Error| Error::Unreadable {
            call: self.call.clone(),
            what: format!("it broke off: {}", causes(&error.without_url())),
        };
        self.response.chunk().await.map_err(broken)
    }
}

/// reqwest's own message leaves out what matters.
pub(crate) fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
