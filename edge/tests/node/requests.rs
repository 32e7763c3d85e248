use http::Method;
use onhand_http::auth::Scope;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{World, fact};

#[tokio::test]
async fn routes_methods_and_paths() {
    let world = World::start().await;
    for path in
        ["/", "/v1", "/v1/availability/", "/v1/availability/a/b", "/metrics", "/actuator/health", "/v1/reservations/"]
    {
        assert_eq!(world.get(path).await.code(), (404, "not_found".to_owned()), "{path}");
    }
    let wrong = world.call(Method::DELETE, "/v1/availability/a", &[], "").await;
    assert_eq!((wrong.code().0, wrong.header("allow")), (405, "GET, HEAD"));
    let wrong = world.call(Method::PUT, "/v1/reservations", &[], "").await;
    assert_eq!((wrong.code().0, wrong.header("allow")), (405, "GET, HEAD, POST"));
    assert_eq!(world.get("/v1/availability/%FF").await.json()["field"], "sku");
    assert_eq!(world.get("/v1/availability/%20a").await.json()["field"], "sku");
    world.store(fact("é ü", "eu-1", 3, 1));
    assert_eq!(world.available("%C3%A9%20%C3%BC").await, 3);
    let head = world.call(Method::HEAD, "/v1/availability/%C3%A9%20%C3%BC", &[], "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn correlation_ids_are_taken_or_made() {
    let world = World::start().await;
    let taken = world.get_with("/v1/availability/x", &[("x-correlation-id", "abc-1")]).await;
    assert_eq!((taken.header("x-correlation-id"), taken.json()["correlation_id"].as_str()), ("abc-1", Some("abc-1")));
    let made = world.get_with("/v1/availability/x", &[("x-correlation-id", "no good")]).await;
    assert_eq!(made.header("x-correlation-id").len(), 32);
    assert_ne!(made.header("x-correlation-id"), world.get("/health").await.header("x-correlation-id"));
}

#[tokio::test]
async fn web_origins_are_judged() {
    let world = World::start_with(|config| config.http.cors_origins = vec!["https://shop.example".to_owned()]).await;
    let origin = ("origin", "https://shop.example");
    let asked = [origin, ("access-control-request-method", "POST")];
    let preflight = world.call(Method::OPTIONS, "/v1/reservations", &asked, "").await;
    assert_eq!((preflight.status.as_u16(), preflight.header("access-control-allow-origin")), (204, origin.1));
    assert!(preflight.header("access-control-allow-headers").contains("Idempotency-Key"));
    let shown = world.get_with("/v1/availability/x", &[origin]).await;
    assert!(shown.header("access-control-expose-headers").contains("Onhand-As-Of"));
    let other = world.get_with("/v1/availability/x", &[("origin", "https://else.example")]).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn bodies_are_limited_and_typed() {
    let world = World::start().await;
    let path = "/v1/availability/query";
    let typed = world.call(Method::POST, path, &[("content-type", "text/plain")], "{}").await;
    assert_eq!(typed.code(), (415, "unsupported_media_type".to_owned()));
    assert_eq!(world.call(Method::POST, path, &[], "").await.json()["field"], "skus", "empty counts as {{}}");
    let charset = world.call(Method::POST, path, &[("content-type", "application/json; charset=utf-8")], "{}").await;
    assert_eq!(charset.status, 400);
    let large = world.post(path, &[], &" ".repeat((1 << 20) + 1)).await;
    assert_eq!((large.code().0, large.json()["limit"].as_u64()), (413, Some(1 << 20)));
    let larger = world.post(path, &[], &" ".repeat(7 << 20)).await;
    assert_eq!(larger.status, 413);
    assert_eq!(world.post(path, &[], "{").await.json()["field"], "body");
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed() {
    let world = World::start_with(|config| {
        config.http.header_timeout = onhand_http::setting::Span::ms(100);
        config.http.idle_timeout = onhand_http::setting::Span::ms(400);
    })
    .await;
    let address = world.public.trim_start_matches("http://").to_owned();
    let mut slow = tokio::net::TcpStream::connect(&address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost:").await.unwrap();
    let began = std::time::Instant::now();
    assert_eq!(slow.read(&mut [0; 64]).await.unwrap_or(0), 0);
    assert!(began.elapsed().as_millis() < 350, "a slow head is cut at its own limit");
    let mut idle = tokio::net::TcpStream::connect(&address).await.unwrap();
    idle.write_all(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let began = std::time::Instant::now();
    let mut rest = Vec::new();
    let _closed = idle.read_to_end(&mut rest).await;
    assert!(rest.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&rest));
    assert!(began.elapsed().as_millis() >= 380, "between requests it may wait longer");
}

#[tokio::test]
async fn management_is_apart_and_changing_needs_an_operator() {
    let world = World::start().await;
    let at = |path: &str| format!("{}{path}", world.management);
    for path in [
        "/health",
        "/metrics",
        "/actuator/prometheus",
        "/actuator/health",
        "/actuator/health/liveness",
        "/actuator/health/readiness",
    ] {
        assert_eq!(world.get(&at(path)).await.status, 200, "{path}");
    }
    let clear = at("/actuator/caches/clearAll");
    assert_eq!(world.post(&clear, &[], "").await.code().0, 401);
    let storefront = world.token(Scope::Storefront);
    assert_eq!(world.post(&clear, &[("authorization", &storefront)], "").await.code().0, 403);
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5);
    let operator = world.token(Scope::Operator);
    assert_eq!(world.post(&clear, &[("authorization", &operator)], "").await.status, 200);
    assert_eq!(world.get("/v1/availability/a").await.header("onhand-source"), "origin");
    assert_eq!(world.get(&at("/v1/availability/a")).await.status, 404);
}
