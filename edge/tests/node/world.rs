//! The edge under test, its feed, its tokens and a client.

use std::{
    future::Future,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey, pkcs8::spki::EncodePublicKey};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use onhand_edge::{Auth, Config, Edge, Feed};
use onhand_http::{
    auth::{Claims, Issuer, Scope, Verifier},
    setting::{SecretUrl, Span},
};
use onhand_rules::Rules;
use onhand_wire::{
    Channel, ChannelId, Fact, Item, Location, LocationId, Sku, Stock, Timestamp, Version,
    event::{Change, Watermark},
    memory_log::MemoryLog,
};
use serde_json::Value;

use crate::origin::FakeOrigin;

pub const PARTITIONS: i32 = 2;

/// Where callers come from who are not the one that most tests are.
pub const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

type HttpClient = Client<HttpConnector, Full<Bytes>>;

pub struct World {
    pub origin: FakeOrigin,
    pub log: MemoryLog,
    pub public: String,
    pub management: String,
    issuer: Issuer,
    client: HttpClient,
    elsewhere: HttpClient,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    serving: tokio::task::JoinHandle<()>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and problem code.
    pub fn code(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let world = Self::start_without_watermark(change).await;
        world
            .eventually("ready", async || {
                world.watermark(); // the feed is read from its end, wherever that was
                world.get("/v1/availability/none").await.status != 503
            })
            .await;
        world
    }

    /// Lookups need a token.
    pub async fn start_closed() -> Self {
        let world = Self::start_as(false, |_| {}).await;
        world
            .eventually("ready", async || {
                world.watermark();
                world.get("/health").await.status == 200
            })
            .await;
        world
    }

    pub async fn start_without_watermark(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(true, change).await
    }

    async fn start_as(public_reads: bool, change: impl FnOnce(&mut Config)) -> Self {
        let log = MemoryLog::new(PARTITIONS);
        let feed = Feed::Memory(log.clone(), onhand_orders::MemoryLanes::new(1));
        let origin = FakeOrigin::start().await;
        origin.with(|state| {
            state.now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64;
            state.locations = vec![location("eu-1", 0), location("eu-2", 1)];
            state.channels = vec![channel("web", &["eu-2"])];
        });
        let key = SigningKey::from_bytes(&[7; 32]);
        let issuer = Issuer::from_pem(key.to_pkcs8_pem(Default::default()).unwrap().as_bytes()).unwrap();
        let public_key = key.verifying_key().to_public_key_pem(Default::default()).unwrap();
        let mut config =
            Config { listen: "127.0.0.1:0".to_owned(), management: "127.0.0.1:0".to_owned(), ..Config::default() };
        config.origin.urls = vec![SecretUrl::new(format!("http://{}", origin.address))];
        config.origin.timeout = Span::ms(1000);
        config.freshness.live_ms = 60_000; // tests that look at modes set it
        config.audit.per_s = 0; // its questions would be counted among the loads
        change(&mut config);
        let auth = Auth { verifier: Arc::new(Verifier::from_pem(public_key.as_bytes()).unwrap()), public_reads };
        let edge = Edge::bind(config, feed, auth, Rules::none(), "test").await.unwrap();
        let (public, management) = (format!("http://{}", edge.public()), format!("http://{}", edge.management()));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let serving = tokio::spawn(async move {
            let shutdown = async move {
                let _dropped = stopped.await;
            };
            edge.serve(shutdown).await.unwrap();
        });
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut connector = HttpConnector::new();
        connector.set_local_address(Some(ELSEWHERE.into()));
        let elsewhere = Client::builder(TokioExecutor::new()).build(connector);
        Self { origin, log, public, management, issuer, client, elsewhere, stop: Some(stop), serving }
    }

    /// Begins to shut down.
    pub fn stop(&mut self) {
        self.stop = None;
    }

    pub async fn stopped(self) {
        tokio::time::timeout(Duration::from_secs(10), self.serving).await.expect("it drains").unwrap();
    }

    pub fn token(&self, scope: Scope) -> String {
        self.token_that_expires(scope, 600)
    }

    /// Within so many seconds; or so many ago, below 0.
    pub fn token_that_expires(&self, scope: Scope, seconds: i64) -> String {
        self.issue("tester", scope, seconds)
    }

    pub fn token_of(&self, subject: &str, scope: Scope) -> String {
        self.issue(subject, scope, 600)
    }

    fn issue(&self, subject: &str, scope: Scope, seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let exp = now.saturating_add_signed(seconds);
        format!("Bearer {}", self.issuer.issue(&Claims::new(subject, scope, exp)))
    }

    /// One sample of the metrics page, such as `edge_lookups_total{source="l1"}`; -1 if it isn't there.
    pub async fn metric(&self, sample: &str) -> i64 {
        self.gauge(sample).await.map_or(-1, |value| value as i64)
    }

    pub async fn gauge(&self, sample: &str) -> Option<f64> {
        let page = self.get(&format!("{}/metrics", self.management)).await.text;
        let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    /// A connection of one's own, for what no client would send.
    pub async fn connect(&self) -> tokio::net::TcpStream {
        tokio::net::TcpStream::connect(self.public.trim_start_matches("http://")).await.unwrap()
    }

    /// The origin's state changes, without a word to the feed.
    pub fn store(&self, fact: Fact) {
        self.origin.with(|state| {
            state.now += 1000;
            let stock = state.stocks.entry(fact.sku.to_string()).or_default();
            stock.join_item(item(fact.sku.as_str()));
            stock.join_fact(fact);
        });
    }

    /// Published, and a watermark after it.
    pub fn publish(&self, change: Change) {
        self.log.append([(change.partition(PARTITIONS), change.encode())]);
        self.watermark();
    }

    pub fn watermark(&self) -> Timestamp {
        let (t, term) = self.origin.with(|state| {
            state.now += 1000;
            (state.at(), state.term())
        });
        let mark = Change::Watermark(Watermark { t, s: t, term, good_since: term, partitions: PARTITIONS });
        self.log.append((0..PARTITIONS).map(|partition| (partition, mark.encode())));
        t
    }

    /// Another term, before which nothing counts; the origin's rows are of it.
    pub fn lose_history(&self, term: u16) {
        let version = Version::new(term, 1);
        self.origin.with(|state| {
            state.term = term;
            state.locations.iter_mut().for_each(|location| location.version = version);
            state.channels.iter_mut().for_each(|channel| channel.version = version);
        });
        self.watermark();
    }

    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_call(method, path, headers, body).await.unwrap()
    }

    /// For calls whose connection the node may close.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        self.call_by(&self.client, method, path, headers, body).await
    }

    /// A lookup by another caller, from another address.
    pub async fn get_elsewhere(&self, path: &str) -> Answer {
        self.call_by(&self.elsewhere, Method::GET, path, &[], "").await.unwrap()
    }

    async fn call_by(
        &self,
        client: &HttpClient,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, hyper_util::client::legacy::Error> {
        let base = if path.starts_with("http") { "" } else { &self.public };
        let mut request = Request::builder().method(method).uri(format!("{base}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (head, body) = client.request(request).await?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, text: String::from_utf8(body.to_vec()).unwrap() })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], "").await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(Method::GET, path, headers, "").await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        self.call(Method::POST, path, &headers, body).await
    }

    pub async fn available(&self, sku: &str) -> i64 {
        self.get(&format!("/v1/availability/{sku}")).await.json()["available"].as_i64().unwrap_or(-1)
    }

    pub async fn eventually(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !holds().await {
            assert!(Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// What must come at once, where what is tested would else wait for an hour.
pub async fn soon<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), answer).await.expect("it waits")
}

pub fn fact(sku: &str, location: &str, on_hand: i64, seq: u64) -> Fact {
    Fact {
        sku: Sku::new(sku).unwrap(),
        location: LocationId::new(location).unwrap(),
        on_hand,
        reserved: 0,
        safety_stock: 0,
        backorder_limit: 0,
        low_stock_at: 0,
        restock_at: None,
        version: Version::new(1, seq),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

pub fn item(sku: &str) -> Item {
    Item {
        sku: Sku::new(sku).unwrap(),
        name: sku.to_owned(),
        brand: None,
        attributes: Default::default(),
        price: None,
        active: true,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

pub fn location(name: &str, priority: i32) -> Location {
    Location {
        location: LocationId::new(name).unwrap(),
        name: name.to_owned(),
        region: None,
        priority,
        lat: None,
        lon: None,
        enabled: true,
        pickup: false,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

pub fn channel(name: &str, locations: &[&str]) -> Channel {
    Channel {
        channel: ChannelId::new(name).unwrap(),
        locations: locations.iter().map(|name| LocationId::new(name).unwrap()).collect(),
        allocation: "priority".to_owned(),
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

pub fn stock_of(fact: Fact) -> Stock {
    Stock { item: None, facts: vec![fact] }
}
