//! The client of the origin: a deadline, a breaker, and retries of what is safe to repeat.
//!
//! Every call here is: loads read, and writes carry an idempotency key, so that a call whose answer
//! was lost is made again, at the next origin of the region.

use std::{
    sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use onhand_wire::{
    Sku,
    bulk::{self, LoadFacts, LoadedFacts, LoadedTopology, MostHeld},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    breaker::{Breaker, State},
    config::OriginConfig,
};

/// Largest answer that is read, in bytes: a thousand SKUs at hundreds of locations.
const ANSWER_BYTES: usize = 256 << 20;
/// How long one origin may take to accept a connection before the next is tried.
const CONNECT: Duration = Duration::from_millis(500);
/// Pause before the same origin is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// Why there is no answer. An answer that is a problem is an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginError {
    /// No origin took the call and answered, or the breaker is open.
    #[error("the origin cannot be reached")]
    Unreachable,
    /// Time ran out after the call was sent: it may or may not have been carried out.
    #[error("the origin did not answer in time")]
    TimedOut,
    /// A load was refused; the log says how.
    #[error("the origin refused a load: {0}")]
    Refused(StatusCode),
    #[error("the origin's answer cannot be read")]
    Unreadable,
}

/// An origin's address that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("edge.origin.urls: {0:?} is no http://HOST:PORT")]
pub struct BadUrl(String);

/// A call to be made at whichever origin answers.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Begins with `/`.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) deadline: Instant,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What became of one attempt.
enum Attempt {
    Answered(Answer),
    NotSent,
    Lost,
}

pub(crate) struct Origin {
    client: Client<HttpConnector, Full<Bytes>>,
    /// `http://HOST:PORT`, without a path.
    urls: Vec<String>,
    /// The origin that answered last.
    preferred: AtomicUsize,
    authorization: HeaderValue,
    timeout: Duration,
    breaker: Breaker,
    reachable: AtomicBool,
    /// The highest term seen: an origin that answers under a lower one is cut off from the present.
    term: AtomicU16,
}

impl Origin {
    pub(crate) fn new(config: &OriginConfig) -> Result<Self, BadUrl> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let urls = config.urls.iter().map(|url| checked(url)).collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() {
            return Err(BadUrl(String::new()));
        }
        let token = format!("Bearer {}", config.token.expose());
        let mut authorization = HeaderValue::try_from(token).unwrap_or(HeaderValue::from_static(""));
        authorization.set_sensitive(true);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(connector),
            urls,
            preferred: AtomicUsize::new(0),
            authorization,
            timeout: config.timeout.0,
            breaker: Breaker::new(config.breaker),
            reachable: AtomicBool::new(true),
            term: AtomicU16::new(0),
        })
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn breaker(&self) -> State {
        self.breaker.state()
    }

    /// Whether the last call found an origin that could answer.
    pub(crate) fn reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// Facts of up to [`bulk::LOAD_SKUS`] SKUs, in the order asked.
    pub(crate) async fn facts(&self, skus: &[Sku], without: Option<Uuid>) -> Result<LoadedFacts, OriginError> {
        let load = LoadFacts { skus: skus.to_vec(), without };
        let body = rmp_serde::to_vec_named(&load).expect("plain data encodes");
        let loaded: LoadedFacts = self.load(Method::POST, "/internal/api/facts", body).await?;
        self.judge_term(loaded.term)?;
        if loaded.stocks.len() == skus.len() { Ok(loaded) } else { Err(OriginError::Unreadable) }
    }

    pub(crate) async fn topology(&self) -> Result<LoadedTopology, OriginError> {
        let loaded: LoadedTopology = self.load(Method::GET, "/internal/api/topology", Vec::new()).await?;
        self.judge_term(loaded.term)?;
        Ok(loaded)
    }

    /// What is sold most just now, up to [`bulk::MOST_HELD`].
    pub(crate) async fn most_held(&self, limit: usize) -> Result<Vec<Sku>, OriginError> {
        let path = format!("/internal/api/most-held?limit={limit}");
        let held: MostHeld = self.load(Method::GET, &path, Vec::new()).await?;
        Ok(held.skus)
    }

    /// The feed speaks of this term.
    pub(crate) fn saw_term(&self, term: u16) {
        self.term.fetch_max(term, Ordering::AcqRel);
    }

    /// Facts of a lower term than known are refused; the next call goes to another origin.
    fn judge_term(&self, term: u16) -> Result<(), OriginError> {
        let known = self.term.fetch_max(term, Ordering::AcqRel);
        if term >= known {
            return Ok(());
        }
        tracing::warn!(term, known, "an origin answers under a lower term: trying another");
        self.preferred
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |index| Some((index + 1) % self.urls.len()))
            .ok();
        Err(OriginError::Unreachable)
    }

    async fn load<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, OriginError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.authorization.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static(bulk::MESSAGEPACK));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(bulk::MESSAGEPACK));
        let deadline = Instant::now() + self.timeout;
        let call = Call { method, path: path.to_owned(), headers, body: body.into(), deadline };
        let answer = self.call(call).await?;
        if answer.status != StatusCode::OK {
            self.reachable.store(false, Ordering::Relaxed); // there, but it cannot load: as good as gone
            let detail = String::from_utf8_lossy(&answer.body[..answer.body.len().min(512)]).into_owned();
            tracing::warn!(status = answer.status.as_u16(), path, detail, "the origin refused a load");
            return Err(OriginError::Refused(answer.status));
        }
        rmp_serde::from_slice(&answer.body).map_err(|error| {
            tracing::error!(%error, path, "the origin's answer cannot be read");
            OriginError::Unreadable
        })
    }

    /// Makes the call at the preferred origin, then at each other one, and once more at the first,
    /// until one answers or time runs out.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer, OriginError> {
        if !self.breaker.allows(Instant::now()) {
            return Err(OriginError::Unreachable);
        }
        let answer = self.attempts(&call).await;
        let reached = answer.is_ok();
        self.reachable.store(reached, Ordering::Relaxed);
        if reached {
            self.breaker.succeeded()
        } else {
            self.breaker.failed(Instant::now())
        }
        answer
    }

    async fn attempts(&self, call: &Call) -> Result<Answer, OriginError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut sent = false;
        let mut unavailable = None;
        let attempts = self.urls.len() + 1;
        for attempt in 0..attempts {
            let left = call.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // A hung origin must leave time for the next one; the last attempt may take what is left.
            let share = if attempt + 1 < self.urls.len() { left / 2 } else { left };
            let index = (first + attempt) % self.urls.len();
            match self.attempt(index, call, share).await {
                Attempt::Answered(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                    unavailable = Some(answer);
                    if attempt + 1 >= self.urls.len() {
                        break;
                    }
                }
                Attempt::Answered(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Attempt::NotSent => {}
                Attempt::Lost => sent = true,
            }
            if attempt + 1 >= self.urls.len() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        match unavailable {
            Some(answer) => Ok(answer),
            None if sent && Instant::now() >= call.deadline => Err(OriginError::TimedOut),
            None => Err(OriginError::Unreachable),
        }
    }

    async fn attempt(&self, index: usize, call: &Call, timeout: Duration) -> Attempt {
        let left = call.deadline.saturating_duration_since(Instant::now()).as_millis();
        let mut request = Request::new(Full::new(call.body.clone()));
        let Ok(uri) = Uri::try_from(format!("{}{}", self.urls[index], call.path)) else { return Attempt::NotSent };
        *request.uri_mut() = uri;
        *request.method_mut() = call.method.clone();
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().insert(bulk::TIMEOUT_HEADER, HeaderValue::from(u64::try_from(left).unwrap_or(0)));
        let answered = tokio::time::timeout(timeout, async {
            let response = self.client.request(request).await.map_err(|error| error.is_connect())?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|_| false)?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        });
        match answered.await {
            Ok(Ok(answer)) => Attempt::Answered(answer),
            Ok(Err(true)) => Attempt::NotSent,
            Ok(Err(false)) | Err(_) => Attempt::Lost,
        }
    }
}

fn checked(url: &str) -> Result<String, BadUrl> {
    let bare = url.trim_end_matches('/');
    let uri: Uri = bare.parse().map_err(|_| BadUrl(url.to_owned()))?;
    let usable = uri.scheme_str() == Some("http") && uri.host().is_some() && uri.path() == "/" && uri.query().is_none();
    if usable { Ok(bare.to_owned()) } else { Err(BadUrl(url.to_owned())) }
}
