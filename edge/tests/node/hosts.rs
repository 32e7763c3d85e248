//! The name under which a listener is reached.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{World, soon};

/// One request, sent as it stands; the answer's status and body.
async fn ask(listener: &str, head: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(listener.trim_start_matches("http://")).await.unwrap();
    stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer)
}

#[tokio::test]
async fn a_request_without_its_one_sound_host_is_refused_on_both_listeners() {
    let world = World::start().await;
    for listener in [&world.public, &world.management] {
        for hosts in
            ["", "Host:\r\n", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: http://a/\r\n", "Host: a:b\r\n"]
        {
            let (status, answer) = ask(listener, &format!("GET /health HTTP/1.1\r\n{hosts}")).await;
            assert!(status == 400 && answer.contains(r#""field":"Host""#), "{hosts:?}: {answer}");
        }
        for well in ["GET /health HTTP/1.1\r\nHost: localhost:8080\r\n", "GET /health HTTP/1.0\r\n"] {
            assert_eq!(ask(listener, well).await.0, 200, "{well}");
        }
    }
    assert_eq!(ask(&world.public, "GET /health HTTP/1.1\r\nHost: any.example\r\n").await.0, 200);
}

/// A page of `evil.example` whose name resolves to this machine: the visitor's browser sends that name.
#[tokio::test]
async fn a_web_page_cannot_reach_management_by_a_name_of_its_own() {
    let world = World::start_with(|config| config.management_hosts = vec!["edge-1.internal".to_owned()]).await;
    let at = async |line: &str, host: &str| ask(&world.management, &format!("{line}\r\nHost: {host}\r\n")).await;
    let port = world.management.rsplit_once(':').unwrap().1;
    for host in ["evil.example".to_owned(), format!("evil.example:{port}"), "127.0.0.1.evil.example".to_owned()] {
        let (status, answer) = at("GET /metrics HTTP/1.1", &host).await;
        assert!(status == 400 && answer.contains("edge.management_hosts"), "{host}: {answer}");
    }
    let (status, answer) = at("GET http://evil.example/metrics HTTP/1.1", "localhost").await;
    assert!(status == 400 && answer.contains("edge.management_hosts"), "{answer}");
    for host in ["127.0.0.1", "[::1]:8081", "localhost", "edge-1.internal", "EDGE-1.internal:8081"] {
        assert_eq!(at("GET /metrics HTTP/1.1", host).await.0, 200, "{host}");
    }
}
