//! A call that is refused before its body is read: its caller sees the refusal, and can go on over the same connection
//! or is told that it is closed. However late or large the body is.

use std::time::Duration;

use onhand_harness::World;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// Larger than what the system's buffers take.
const LARGE: usize = 5 << 20;
/// More than is read of a refused body: the connection closes, but not before its caller has had its answer.
const HUGE: usize = 24 << 20;

/// A call that its listener refuses by its head.
struct Refused {
    what: &'static str,
    head: String,
    status: u16,
}

/// The first answer on the connection: its status, and whether the connection was said to close.
async fn answer(stream: &mut TcpStream) -> (u16, bool) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        timeout(PATIENCE, stream.read_exact(&mut byte)).await.expect("an answer in time").expect("an answer");
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.expect("its body");
    (head[9..12].parse().unwrap(), head.contains("connection: close"))
}

/// Sends the head, then the body once `after` is over. A caller that writes while it does not read.
async fn call(url: &str, refused: &Refused, length: usize, after: Duration) -> bool {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let head = refused.head.replace("HOST", address).replace("LENGTH", &length.to_string());
    let body = vec![b' '; length];
    let said = format!("{url}: {}, {length} bytes after {after:?}", refused.what);
    if after.is_zero() {
        stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap_or_else(|error| panic!("{said}: {error}"));
    } else {
        stream.write_all(head.as_bytes()).await.unwrap();
        sleep(after).await;
        stream.write_all(&body).await.unwrap_or_else(|error| panic!("{said}: {error}"));
    }
    let (status, closes) = answer(&mut stream).await;
    assert_eq!(status, refused.status, "{said}");
    if !closes {
        let next = format!("GET /actuator/none HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(next.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await.0, 404, "{said}: the next call");
    }
    closes
}

/// Of a listener: `write` takes a body, `token` opens it.
fn refusals(write: &str, token: &str) -> Vec<Refused> {
    let json = "Content-Type: application/json\r\n";
    let of = |what, status, line: &str, headers: &str| {
        let head = format!("{line} HTTP/1.1\r\nHost: HOST\r\nContent-Length: LENGTH\r\n{headers}\r\n");
        Refused { what, head, status }
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    vec![
        of("no token", 401, &format!("POST {write}"), json),
        of("a bad token", 401, &format!("POST {write}"), &format!("{json}Authorization: Bearer x.y.z\r\n")),
        of("a media type", 415, &format!("POST {write}"), &format!("{bearer}Content-Type: text/plain\r\n")),
        of("a path", 404, "POST /nowhere", &format!("{bearer}{json}")),
        of("a method", 405, &format!("PATCH {write}"), &format!("{bearer}{json}")),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_before_the_body_is_seen_and_the_connection_goes_on() {
    let world = World::start().ready().await;
    let (edge, origin) = (world.edge(0), world.origin(0));
    let level = "/actuator/loggers/onhand_wire";
    for (url, write, token) in [
        (edge.url(), "/v1/reservations", &world.tokens.storefront),
        (origin.url(), "/v1/reservations", &world.tokens.storefront),
        (edge.management_url(), level, &world.tokens.operator),
        (origin.management_url(), level, &world.tokens.operator),
    ] {
        for refused in refusals(write, token) {
            call(&url, &refused, 100, Duration::ZERO).await;
            call(&url, &refused, 100, Duration::from_millis(30)).await;
            call(&url, &refused, LARGE, Duration::ZERO).await;
            call(&url, &refused, LARGE, Duration::from_millis(30)).await;
        }
        let refused = &refusals(write, token)[0];
        assert!(call(&url, refused, HUGE, Duration::ZERO).await, "{url}: the close is announced");
    }
}

/// A caller that asks first is told at once, and sends nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_expects_100_continue_gets_the_refusal_instead() {
    let world = World::start().ready().await;
    for url in [world.edge(0).url(), world.origin(0).url()] {
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = "POST /v1/reservations HTTP/1.1\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n";
        stream.write_all(format!("{head}Host: {address}\r\nContent-Length: 5000000\r\n\r\n").as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await, (401, true), "{url}");
    }
}
