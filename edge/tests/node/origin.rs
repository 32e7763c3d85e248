//! An origin that answers from a map, and can be told to be slow or gone.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use onhand_wire::{
    Channel, Location, Sku, Stock, Timestamp,
    bulk::{self, LoadFacts, LoadedFacts, LoadedTopology, MostHeld, Written},
};

/// A forwarded call, as the origin got it.
#[derive(Debug, Clone)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
}

#[derive(Default)]
pub struct State {
    pub now: i64,
    /// The database's; 0 counts as 1.
    pub term: u16,
    pub stocks: HashMap<String, Stock>,
    pub locations: Vec<Location>,
    pub channels: Vec<Channel>,
    pub loads: Vec<LoadFacts>,
    pub got: Vec<Got>,
    /// Read the facts, then wait so long before answering.
    pub slow: Duration,
    /// The same, for loads alone, and for callers' calls alone.
    pub slow_loads: Duration,
    pub slow_calls: Duration,
    /// Answer every load with 503.
    pub broken: bool,
    pub written: Option<Written>,
    pub problem: Option<(StatusCode, String)>,
}

#[derive(Clone)]
pub struct FakeOrigin {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl FakeOrigin {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let served = origin.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let origin = served.clone();
                let service = service_fn(move |request| {
                    let origin = origin.clone();
                    async move { Ok::<_, Infallible>(origin.answer(request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        origin
    }

    pub fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let began = Instant::now();
        let answer = self.with(|state| match path.as_str() {
            _ if state.broken => status(StatusCode::SERVICE_UNAVAILABLE),
            "/internal/api/facts" => state.facts(&body),
            "/internal/api/topology" => state.topology(),
            "/internal/api/most-held" => state.most_held(head.uri.query()),
            _ => state.forwarded(Got { path: path.clone(), headers: head.headers }),
        });
        // Looked at again and again: those that wait are let go when it is quick again.
        let load = path.starts_with("/internal/");
        while began.elapsed()
            < self.with(|state| state.slow.max(if load { state.slow_loads } else { state.slow_calls }))
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        answer
    }
}

impl State {
    fn facts(&mut self, body: &[u8]) -> Response<Full<Bytes>> {
        let load: LoadFacts = rmp_serde::from_slice(body).unwrap();
        let stocks = load.skus.iter().map(|sku| {
            let mut stock = self.stocks.get(sku.as_str()).cloned().unwrap_or_default();
            if load.without.is_some() {
                stock.facts.iter_mut().for_each(|fact| fact.reserved = 0);
            }
            stock
        });
        let loaded =
            LoadedFacts { at: self.at(), term: self.term(), good_since: self.term(), stocks: stocks.collect() };
        self.loads.push(load);
        messagepack(&loaded, bulk::MESSAGEPACK)
    }

    fn topology(&self) -> Response<Full<Bytes>> {
        let (locations, channels) = (self.locations.clone(), self.channels.clone());
        let (at, term) = (self.at(), self.term());
        messagepack(&LoadedTopology { at, term, good_since: term, locations, channels }, bulk::MESSAGEPACK)
    }

    /// In the order of their names: which are held most is the origin's to know.
    fn most_held(&self, query: Option<&str>) -> Response<Full<Bytes>> {
        let limit = query.and_then(|query| query.strip_prefix("limit=")).and_then(|limit| limit.parse().ok());
        let mut skus: Vec<_> = self.stocks.keys().map(|name| Sku::new(name).unwrap()).collect();
        skus.sort();
        skus.truncate(limit.unwrap());
        messagepack(&MostHeld { skus }, bulk::MESSAGEPACK)
    }

    fn forwarded(&mut self, got: Got) -> Response<Full<Bytes>> {
        self.got.push(got);
        if let Some((code, problem)) = &self.problem {
            let mut answer = Response::new(Full::new(Bytes::from(problem.clone())));
            *answer.status_mut() = *code;
            answer.headers_mut().insert("content-type", "application/problem+json".parse().unwrap());
            return answer;
        }
        match &self.written {
            Some(written) => messagepack(written, bulk::WRITTEN),
            None => Response::new(Full::new(Bytes::from_static(br#"{"state":"held"}"#))),
        }
    }

    pub fn term(&self) -> u16 {
        self.term.max(1)
    }

    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.now)
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn messagepack(value: &impl serde::Serialize, media_type: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(rmp_serde::to_vec_named(value).unwrap())));
    answer.headers_mut().insert("content-type", media_type.parse().unwrap());
    answer
}
