//! The origin's listeners: what a slow, greedy or leaving caller meets.

use std::time::Duration;

use onhand_harness::eventually;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::onhand::Running;

const API: &str = "origin api";
/// Far beyond every limit that these tests set: who waits so long waits for ever.
const NEVER: Duration = Duration::from_secs(20);

pub(crate) struct Dev {
    pub(crate) process: Running,
    pub(crate) admin: String,
    _dir: tempfile::TempDir,
}

impl Dev {
    pub(crate) async fn start(env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tokens = dir.path().join("tokens.json");
        let args = ["dev", "--empty", "--port-base", "0", "--print-tokens", tokens.to_str().unwrap()];
        let process = Running::start(&args, env).await;
        let tokens: Value = serde_json::from_slice(&std::fs::read(tokens).unwrap()).unwrap();
        let dev = Self { process, admin: tokens["admin"].as_str().unwrap().to_owned(), _dir: dir };
        let location = reqwest::Client::new().put(format!("{}/inventory/locations/a", dev.process.url(API)));
        let made = location.bearer_auth(&dev.admin).body(r#"{"name":"A"}"#).header("content-type", "application/json");
        assert_eq!(made.send().await.unwrap().status(), 201);
        dev
    }

    async fn connect(&self) -> Connection {
        self.connect_to(API).await
    }

    pub(crate) async fn connect_to(&self, listener: &str) -> Connection {
        Connection(TcpStream::connect(self.process.address(listener)).await.unwrap())
    }

    /// The head of an import of unknown length.
    fn import(&self) -> String {
        let headers = "host: x\r\ncontent-type: text/csv\r\ntransfer-encoding: chunked\r\nexpect: 100-continue";
        let call = "POST /inventory/imports?mode=set&create=true HTTP/1.1";
        format!("{call}\r\n{headers}\r\nauthorization: Bearer {}\r\n\r\n", self.admin)
    }
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

const HEALTH: &str = "GET /inventory/health HTTP/1.1\r\nhost: x\r\n\r\n";

pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until `end` has come; panics if the connection ends first.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(end) {
            let mut piece = [0; 4096];
            let got = tokio::time::timeout(NEVER, self.0.read(&mut piece)).await.expect("an answer").unwrap();
            assert!(got > 0, "the connection ended: {}", String::from_utf8_lossy(&read));
            read.extend_from_slice(&piece[..got]);
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Reads until the server ends the connection, by either way.
    pub(crate) async fn until_cut(&mut self) -> String {
        let mut read = Vec::new();
        let ended = tokio::time::timeout(NEVER, self.0.read_to_end(&mut read)).await.expect("the server ends it");
        drop(ended);
        String::from_utf8_lossy(&read).into_owned()
    }
}

/// The idle limit is long here: what ends these connections is the limit of heads and bodies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_and_bodies_are_cut() {
    let dev = Dev::start(&[("ONHAND_HTTP__HEADER_TIMEOUT", "300ms"), ("ONHAND_HTTP__IDLE_TIMEOUT", "1h")]).await;
    let mut silent = dev.connect().await;
    assert_eq!(silent.until_cut().await, "");
    let mut slow = dev.connect().await;
    slow.send("GET /inventory/health HTTP/1.1\r\nhost:").await;
    assert!(!slow.until_cut().await.contains("200"));
    let mut later = dev.connect().await;
    later.send(HEALTH).await;
    assert!(later.until("}").await.contains("200 OK"));
    later.send("GET /inventory").await;
    assert!(!later.until_cut().await.contains("200"), "a second head is held to its time too");
    let mut body = dev.connect().await;
    let head = "PUT /inventory/products/x/stock HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    body.send(&format!("{head}\r\ncontent-length: 50\r\nauthorization: Bearer {}\r\n\r\n{{", dev.admin)).await;
    let answer = body.until_cut().await;
    assert!(answer.starts_with("HTTP/1.1 504") && answer.contains("deadline_exceeded"), "{answer}");
}

/// One byte at a time is progress for an import, and none for long is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_may_be_slow_but_must_go_on() {
    let dev = Dev::start(&[("ONHAND_HTTP__HEADER_TIMEOUT", "200ms"), ("ONHAND_HTTP__IDLE_TIMEOUT", "2s")]).await;
    let mut slow = dev.connect().await;
    slow.send(&dev.import()).await;
    slow.until("100 Continue").await;
    for letter in "sku,location,quantity\nx,a,5\n".chars() {
        slow.send(&chunk(&letter.to_string())).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    slow.send("0\r\n\r\n").await;
    let answer = slow.until("}").await;
    assert!(answer.contains(r#""applied":1"#), "{answer}");
    let mut stalled = dev.connect().await;
    stalled.send(&dev.import()).await;
    stalled.until("100 Continue").await;
    stalled.send(&chunk("sku,location,quantity\nx,a,6\n")).await;
    let answer = stalled.until_cut().await;
    assert!(answer.contains("HTTP/1.1 504") && answer.contains("nothing was applied"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_heads_are_refused_and_idle_connections_closed() {
    let dev = Dev::start(&[("ONHAND_HTTP__IDLE_TIMEOUT", "500ms"), ("ONHAND_HTTP__HEADER_TIMEOUT", "1h")]).await;
    let mut other = dev.connect().await;
    other.send("GET /inventory/health HTTP/1.1\r\n").await;
    let many: String = (0..101).map(|number| format!("x-{number}: y\r\n")).collect();
    for headers in [format!("x-big: {}\r\n", "y".repeat(70_000)), many] {
        let mut greedy = dev.connect().await;
        let _refused_early = greedy.0.write_all(HEALTH.replace("host", &format!("{headers}host")).as_bytes()).await;
        let answer = greedy.until_cut().await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    other.send("host: x\r\n\r\n").await;
    assert!(other.until("}").await.contains("200 OK"), "others go on");
    assert_eq!(other.until_cut().await, "", "idle for too long");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_has_closed_its_side_gets_its_answer() {
    let dev = Dev::start(&[]).await;
    let mut half = dev.connect().await;
    let body = r#"{"name":"B"}"#;
    let head = "PUT /inventory/locations/b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json";
    let head = format!("{head}\r\ncontent-length: {}\r\nauthorization: Bearer {}\r\n\r\n", body.len(), dev.admin);
    half.send(&format!("{head}{body}")).await;
    half.0.shutdown().await.unwrap();
    let answer = half.until_cut().await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// The limits are long: the idle and the unused connection must not hold the end up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_finishes_a_write_under_way_and_nothing_more() {
    let dev = Dev::start(&[("ONHAND_HTTP__IDLE_TIMEOUT", "1h"), ("ONHAND_HTTP__HEADER_TIMEOUT", "1h")]).await;
    let (mut unused, mut idle, mut write) = (dev.connect().await, dev.connect().await, dev.connect().await);
    idle.send(HEALTH).await;
    idle.until("}").await;
    write.send(&dev.import()).await;
    write.until("100 Continue").await;
    write.send(&chunk("sku,location,quantity\n")).await;
    dev.process.terminate().await;
    let address = dev.process.address(API);
    eventually!(TcpStream::connect(&address).await.is_err());
    assert_eq!((unused.until_cut().await, idle.until_cut().await), (String::new(), String::new()));
    write.send(&chunk("x,a,5\n")).await;
    write.send("0\r\n\r\n").await;
    let answer = write.until_cut().await;
    assert!(answer.contains("200 OK") && answer.contains(r#""applied":1"#), "{answer}");
    dev.process.ended(NEVER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_outlives_the_drain_is_cut() {
    let dev = Dev::start(&[("ONHAND_ORIGIN__DRAIN", "500ms"), ("ONHAND_EDGE__DRAIN", "500ms")]).await;
    let mut write = dev.connect().await;
    write.send(&dev.import()).await;
    write.until("100 Continue").await;
    dev.process.terminate().await;
    assert_eq!(write.until_cut().await, "");
    dev.process.ended(NEVER).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_the_named_web_origins_may_call() {
    let dev = Dev::start(&[("ONHAND_HTTP__CORS_ORIGINS", "https://admin.example,https://shop.example")]).await;
    let (url, http) = (format!("{}/inventory/products/x/stock", dev.process.url(API)), reqwest::Client::new());
    let preflight = |origin: &'static str| {
        let call = http.request(reqwest::Method::OPTIONS, &url).header("origin", origin);
        let call = call.header("access-control-request-method", "PUT");
        call.header("access-control-request-headers", "authorization,idempotency-key").send()
    };
    let known = preflight("https://shop.example").await.unwrap();
    assert!(known.status().is_success(), "{}", known.status());
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_ascii_lowercase())
    };
    assert_eq!(header(&known, "access-control-allow-origin"), "https://shop.example");
    assert!(header(&known, "access-control-allow-methods").contains("put"));
    assert!(header(&known, "access-control-allow-headers").contains("idempotency-key"));
    let unknown = preflight("https://evil.example").await.unwrap();
    assert_eq!(header(&unknown, "access-control-allow-origin"), "");
    // A page must be able to read a refusal too.
    let refused = http.get(&url).header("origin", "https://admin.example").send().await.unwrap();
    assert_eq!(header(&refused, "access-control-allow-origin"), "https://admin.example");
    let exposed = header(&refused, "access-control-expose-headers");
    for name in ["onhand-as-of", "onhand-session", "x-correlation-id", "idempotent-replayed", "retry-after"] {
        assert!(exposed.contains(name), "{name} is not in {exposed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn correlation_and_trace_come_back_from_edge_and_origin() {
    let dev = Dev::start(&[]).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for page in ["origin api", "edge public"].map(|name| format!("{}/v1/reservations/none", dev.process.url(name))) {
        let call = reqwest::Client::new().get(&page).header("x-correlation-id", "mine-1").header("traceparent", trace);
        let answer = call.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["www-authenticate"]),
            (401, &"Bearer".parse().unwrap())
        );
        assert_eq!(answer.headers()["x-correlation-id"], "mine-1");
        assert_eq!(answer.headers()["traceparent"], trace);
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["correlation_id"], "mine-1");
        let none = reqwest::Client::new().get(&page).header("traceparent", "nonsense").send().await.unwrap();
        assert!(none.headers().get("traceparent").is_none() && none.headers().contains_key("x-correlation-id"));
    }
}
