//! The client of the origin: a deadline, a breaker, and retries of what is safe to repeat.
//!
//! Every call here is safe to repeat: loads only read, and writes carry an idempotency key. So if an answer is lost,
//! the call is repeated at the next origin of the region.
//!
//! A breaker counts failures of the network and of origins, and never those of a caller: a call with too little time
//! says nothing about the origin.

mod addresses;
mod gate;
mod hedge;
mod token;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use onhand_http::{
    breaker::BreakerState,
    outgoing::{Outgoing, tls::ClientFault},
};
use onhand_wire::{
    Sees, Sku,
    bulk::{self, LoadFacts, LoadedFacts, LoadedTopology, MostHeld},
    order::Standing,
    release::{Manifest, Release},
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub(crate) use self::gate::Way;
pub use self::{addresses::BadUrl, token::BadToken};
use self::{
    addresses::{Addresses, Unanswered},
    gate::Gate,
    hedge::Hedge,
    token::Token,
};
use crate::{config::Config, metrics::Metrics};

/// How long fetching a release of a rule may take.
const RELEASE: Duration = Duration::from_secs(30);

/// An origin whose configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadOrigin {
    #[error(transparent)]
    Url(#[from] BadUrl),
    #[error(transparent)]
    Token(#[from] BadToken),
    #[error(transparent)]
    Client(#[from] ClientFault),
}

/// Why there is no answer. A problem is an answer, too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OriginError {
    /// No origin took the call and answered, or the breaker is open.
    #[error("the origin cannot be reached")]
    Unreachable,
    /// Time ran out after the call was sent: it may or may not have been carried out.
    #[error("the origin did not answer in time")]
    TimedOut,
    /// The caller left too little time to send it.
    #[error("there was no time to ask the origin")]
    NoTime,
    /// A load was refused; the log says why.
    #[error("the origin refused a load: {0}")]
    Refused(StatusCode),
    #[error("the origin's answer cannot be read")]
    Unreadable,
    #[error("too many calls are under way to the origin")]
    Crowded,
}

/// A call for any origin that answers.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Begins with `/`.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) deadline: Instant,
}

pub(crate) struct OriginAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Which of the origins answered.
    from: usize,
}

pub(crate) struct Origin {
    addresses: Addresses,
    token: Token,
    timeout: Duration,
    loads: Gate,
    calls: Gate,
    hedge: Hedge,
    metrics: Arc<Metrics>,
    reachable: AtomicBool,
    /// The highest term seen: an origin that answers under a lower term is cut off from the current database.
    term: AtomicU16,
}

impl Origin {
    pub(crate) fn new(config: &Config, metrics: Arc<Metrics>) -> Result<Self, BadOrigin> {
        let outgoing = Outgoing::new(&config.http.client)?;
        let (limits, config) = (&config.limits, &config.origin);
        Ok(Self {
            addresses: Addresses::new(&config.urls, &outgoing)?,
            token: Token::new(config, metrics.clone())?,
            timeout: config.timeout.0,
            loads: Gate::new("origin loads", config.breaker, limits.reservation_lookups),
            calls: Gate::new("origin calls", config.breaker, limits.forwarded),
            hedge: Hedge::new(config.timeout.0),
            metrics,
            reachable: AtomicBool::new(true),
            term: AtomicU16::new(0),
        })
    }

    /// Keeps using the token in the token's file, if there is one, for ever.
    pub(crate) async fn follow_token(&self) {
        self.token.follow().await;
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    fn gate(&self, way: Way) -> &Gate {
        match way {
            Way::Loads => &self.loads,
            Way::Calls => &self.calls,
        }
    }

    pub(crate) fn breaker(&self, way: Way) -> BreakerState {
        self.gate(way).breaker.state()
    }

    /// Whether the last call found an origin that could answer.
    pub(crate) fn reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// Facts of up to [`bulk::LOAD_SKUS`] SKUs, in the order of `skus`.
    pub(crate) async fn facts(&self, skus: &[Sku]) -> Result<LoadedFacts, OriginError> {
        self.load_facts(LoadFacts { skus: skus.to_vec(), without: None, sees: None }).await
    }

    /// One SKU's facts, without the reservation's own hold. Nothing coalesces such loads, so they have a limit of their
    /// own. `sees`: whose reservations the caller sees.
    pub(crate) async fn facts_without(
        &self,
        sku: Sku,
        reservation: Uuid,
        sees: Option<Sees>,
    ) -> Result<LoadedFacts, OriginError> {
        let _place = self.loads.place()?;
        self.load_facts(LoadFacts { skus: vec![sku], without: Some(reservation), sees }).await
    }

    async fn load_facts(&self, load: LoadFacts) -> Result<LoadedFacts, OriginError> {
        let body = rmp_serde::to_vec_named(&load).expect("plain data encodes");
        let (loaded, from): (LoadedFacts, _) = self.load(Method::POST, "/internal/api/facts", body).await?;
        self.judge_term(loaded.term, from)?;
        if loaded.stocks.len() == load.skus.len() { Ok(loaded) } else { Err(OriginError::Unreadable) }
    }

    pub(crate) async fn topology(&self) -> Result<LoadedTopology, OriginError> {
        let (loaded, from): (LoadedTopology, _) = self.load(Method::GET, "/internal/api/topology", Vec::new()).await?;
        self.judge_term(loaded.term, from)?;
        Ok(loaded)
    }

    /// The SKUs with most units in open reservations, up to [`bulk::MOST_HELD`].
    pub(crate) async fn most_held(&self, limit: usize) -> Result<Vec<Sku>, OriginError> {
        let path = format!("/internal/api/most-held?limit={limit}");
        let (held, _): (MostHeld, _) = self.load(Method::GET, &path, Vec::new()).await?;
        Ok(held.skus)
    }

    /// A release of a rule; `None` if the origin does not have it. It may be large, so it may take long.
    pub(crate) async fn release(&self, digest: &str) -> Result<Option<Release>, OriginError> {
        self.of_rules(format!("/internal/api/rules/releases/{digest}")).await
    }

    /// What is in force for a rule; `None` if the origin does not know the rule.
    pub(crate) async fn manifest(&self, rule: &str) -> Result<Option<Manifest>, OriginError> {
        self.of_rules(format!("/internal/api/rules/manifests/{rule}")).await
    }

    async fn of_rules<T: DeserializeOwned>(&self, path: String) -> Result<Option<T>, OriginError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.token.header());
        let deadline = Instant::now() + self.timeout.max(RELEASE);
        let call = Call { method: Method::GET, path, headers, body: Bytes::new(), deadline };
        let answer = self.call(call, Way::Loads, false).await?;
        match answer.status {
            StatusCode::OK => serde_json::from_slice(&answer.body).map(Some).map_err(|_| OriginError::Unreadable),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                self.refused(&answer, "/internal/api/rules/releases");
                Err(OriginError::Refused(status))
            }
        }
    }

    /// How far the order lanes have come; none where the origin takes no orders.
    pub(crate) async fn order_lanes(&self) -> Result<Option<Standing>, OriginError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.token.header());
        let (path, deadline) = ("/internal/api/orders/standing".to_owned(), Instant::now() + self.timeout);
        let call = Call { method: Method::GET, path, headers, body: Bytes::new(), deadline };
        let answer = self.call(call, Way::Loads, false).await?;
        match answer.status {
            StatusCode::OK => rmp_serde::from_slice(&answer.body).map(Some).map_err(|_| OriginError::Unreadable),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(OriginError::Refused(status)),
        }
    }

    /// The feed speaks of this term.
    pub(crate) fn saw_term(&self, term: u16) {
        self.term.fetch_max(term, Ordering::AcqRel);
    }

    /// Refuses facts of a lower term than the known one; the next call goes to another origin.
    fn judge_term(&self, term: u16, from: usize) -> Result<(), OriginError> {
        let known = self.term.fetch_max(term, Ordering::AcqRel);
        if term >= known {
            return Ok(());
        }
        tracing::warn!(term, known, "an origin answers under a lower term: trying another");
        self.addresses.turn_from(from);
        self.reachable.store(false, Ordering::Relaxed);
        Err(OriginError::Unreachable)
    }

    async fn load<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(T, usize), OriginError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, self.token.header());
        headers.insert(header::ACCEPT, HeaderValue::from_static(bulk::MESSAGEPACK));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(bulk::MESSAGEPACK));
        let deadline = Instant::now() + self.timeout;
        let call = Call { method, path: path.to_owned(), headers, body: body.into(), deadline };
        let answer = self.call(call, Way::Loads, true).await?;
        if answer.status != StatusCode::OK {
            self.reachable.store(false, Ordering::Relaxed); // it answers, but it cannot load: as good as gone
            self.refused(&answer, path);
            return Err(OriginError::Refused(answer.status));
        }
        let read = rmp_serde::from_slice(&answer.body).map_err(|error| {
            tracing::error!(%error, path, "the origin's answer cannot be read");
            OriginError::Unreadable
        });
        read.map(|loaded| (loaded, answer.from))
    }

    fn refused(&self, answer: &OriginAnswer, path: &str) {
        let detail = String::from_utf8_lossy(&answer.body[..answer.body.len().min(512)]);
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return self.token.was_refused(answer.status, path, &detail);
        }
        tracing::warn!(status = answer.status.as_u16(), path, %detail, "the origin refused a load");
    }

    /// Forwards a caller's own call, unless too many are under way.
    pub(crate) async fn forward(&self, call: Call) -> Result<OriginAnswer, OriginError> {
        let _place = self.calls.place()?;
        self.call(call, Way::Calls, false).await
    }

    /// Callers' own calls under way.
    pub(crate) fn forwarded(&self) -> usize {
        self.calls.taken()
    }

    /// `hedged`: whether a second origin is asked too if the first one is slow.
    async fn call(&self, call: Call, way: Way, hedged: bool) -> Result<OriginAnswer, OriginError> {
        let gate = self.gate(way);
        if !gate.breaker.allows(Instant::now()) {
            return Err(OriginError::Unreachable);
        }
        let answer = if hedged { self.hedged(&call).await } else { self.attempts(&call, None).await };
        match answer {
            Ok(answer) => {
                self.reachable.store(true, Ordering::Relaxed);
                gate.breaker.succeeded();
                Ok(answer)
            }
            Err(unanswered) => {
                if unanswered.at_fault {
                    self.reachable.store(false, Ordering::Relaxed);
                    gate.breaker.failed(Instant::now());
                }
                Err(unanswered.error)
            }
        }
    }

    async fn attempts(&self, call: &Call, first: Option<usize>) -> Result<OriginAnswer, Unanswered> {
        self.addresses.attempts(call, first, self.timeout).await
    }

    /// The first good answer of two origins; the second is asked when the first is slower than usual.
    async fn hedged(&self, call: &Call) -> Result<OriginAnswer, Unanswered> {
        let began = Instant::now();
        let first = pin!(self.attempts(call, None));
        let late = pin!(tokio::time::sleep(self.hedge.delay()));
        let answer = match select(first, late).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), first)) if !self.addresses.several() || !self.hedge.affords() => first.await,
            Either::Right(((), first)) => {
                self.metrics.origin_hedged();
                let second = pin!(self.attempts(call, Some(self.addresses.next())));
                let (sooner, other) = select(first, second).await.factor_first();
                match sooner {
                    Ok(answer) if answer.status != StatusCode::SERVICE_UNAVAILABLE => Ok(answer),
                    _ => other.await,
                }
            }
        };
        self.hedge.took(began.elapsed());
        answer
    }

    /// While a breaker is open, asks whether the origin is healthy again, so that a short outage does not last as long
    /// as the breaker's time.
    pub(crate) async fn probe(&self) {
        let open = || [&self.loads, &self.calls].into_iter().filter(|gate| gate.is_open());
        if open().next().is_none() {
            return;
        }
        let well = self.addresses.healthy().await;
        for gate in open() {
            if well { gate.breaker.probe_succeeded() } else { gate.breaker.probe_failed() }
        }
    }

    /// Seconds until the breaker lets calls through again; 0 if it does.
    pub(crate) fn opens_in_s(&self, way: Way) -> u64 {
        self.gate(way).opens_in_s()
    }
}
