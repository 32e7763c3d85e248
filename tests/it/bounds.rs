//! What the origin bounds: names that it is reached by, imports, searches, connections of one address.

use onhand_harness::{Client, eventually};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::origin_http::{Connection, Dev};

const API: &str = "origin api";
const MANAGEMENT: &str = "origin management";

async fn ask(dev: &Dev, listener: &str, head: &str) -> String {
    let mut connection = dev.connect_to(listener).await;
    connection.send(&format!("{head}Connection: close\r\n\r\n")).await;
    connection.until_cut().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_origin_is_reached_by_one_sound_host_and_management_by_one_that_it_knows() {
    let dev = Dev::start(&[("ONHAND_ORIGIN__MANAGEMENT_HOSTS", r#"["origin-1.internal"]"#)]).await;
    for listener in [API, MANAGEMENT] {
        for hosts in ["", "Host:\r\n", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a:b\r\n"] {
            let answer = ask(&dev, listener, &format!("GET /inventory/health HTTP/1.1\r\n{hosts}")).await;
            assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(r#""field":"Host""#), "{hosts:?}: {answer}");
        }
        for well in ["GET /inventory/health HTTP/1.1\r\nHost: localhost:1\r\n", "GET /inventory/health HTTP/1.0\r\n"] {
            let answer = ask(&dev, listener, well).await;
            assert!(answer.contains(" 200 OK\r\n"), "{well}: {answer}");
        }
    }
    // A page of this name, which resolves to this machine, could else read metrics by its visitor's browser.
    let page = |host: &str| format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n");
    for host in ["evil.example", "evil.example:9090", "127.0.0.1.evil.example"] {
        let answer = ask(&dev, MANAGEMENT, &page(host)).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("origin.management_hosts"), "{answer}");
    }
    for host in ["127.0.0.1:9090", "[::1]", "localhost", "Origin-1.internal:9090"] {
        let answer = ask(&dev, MANAGEMENT, &page(host)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
}

fn import(dev: &Dev, extra: &str) -> String {
    format!(
        "POST /inventory/imports?mode=set&create=true HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n\
         authorization: Bearer {}\r\n{extra}\r\n",
        dev.admin
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_imports_are_under_way_and_no_more() {
    let dev = Dev::start(&[("ONHAND_ORIGIN__IMPORTS__AT_ONCE", "1")]).await;
    let admin = Client::at(&dev.process.url(API), Some(&dev.admin));
    let second = async || {
        let file = admin.call("POST".parse().unwrap(), "/inventory/imports?create=true");
        file.body("text/csv", "sku,location,quantity\ny,a,5\n").send().await
    };
    let mut first = dev.connect_to(API).await;
    first.send(&import(&dev, "transfer-encoding: chunked\r\nexpect: 100-continue\r\n")).await;
    first.until("100 Continue").await;
    let refused = second().await.expect(503);
    assert_eq!((refused.code().as_str(), &refused.json()["limit"]), ("overloaded", &json!(1)));
    assert_eq!(refused.header("retry-after"), Some("1"));
    first.send("1a\r\nsku,location,quantity\nx,a,\r\n2\r\n5\n\r\n0\r\n\r\n").await;
    assert!(first.until("}").await.contains(r#""applied":1"#), "the one under way went on");
    assert_eq!(second().await.expect(200).json()["applied"], 1);
    // One that breaks off gives its place back.
    let mut broken = dev.connect_to(API).await;
    broken.send(&import(&dev, "transfer-encoding: chunked\r\nexpect: 100-continue\r\n")).await;
    broken.until("100 Continue").await;
    drop(broken);
    eventually!(second().await.status == 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_larger_than_an_import_may_be_is_refused_whole() {
    let dev = Dev::start(&[("ONHAND_ORIGIN__IMPORTS__MAX_BYTES", "64KiB")]).await;
    let large = format!("sku,location,quantity\n{}", "y,a,5\n".repeat(20_000));
    let declared = format!("content-length: {}\r\n", large.len());
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    for (head, body) in [(declared.as_str(), &large), ("transfer-encoding: chunked\r\n", &chunked)] {
        let mut connection = dev.connect_to(API).await;
        connection.send(&import(&dev, head)).await;
        connection.send(body).await;
        let answer = connection.until("}").await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains(r#""limit":65536"#), "{answer}");
        assert!(answer.contains("origin.imports.max_bytes"), "{answer}");
        connection.send("GET /inventory/health HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(connection.until("}").await.starts_with("HTTP/1.1 200"), "and the caller can go on");
    }
    let admin = Client::at(&dev.process.url(API), Some(&dev.admin));
    admin.get("/inventory/products/y").await.expect(404);
    let fits = "sku,location,quantity\ny,a,5\n".to_owned();
    let file = admin.call("POST".parse().unwrap(), "/inventory/imports?create=true").body("text/csv", fits);
    assert_eq!(file.send().await.expect(200).json()["applied"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_has_so_many_words_and_attributes_and_no_more() {
    let dev = Dev::start(&[]).await;
    let admin = Client::at(&dev.process.url(API), Some(&dev.admin));
    let search = async |query: &str| admin.get(&format!("/inventory/products?{query}")).await;
    let attributes = |count: usize| (0..count).map(|number| format!("attr.a{number}=x&")).collect::<String>();
    let words = |count: usize| format!("q={}", vec!["x"; count].join("+"));
    search(&attributes(16)).await.expect(200);
    search(&words(16)).await.expect(200);
    let long = "y".repeat(513);
    for (query, field) in [
        (attributes(17), "attr.a16"),
        (format!("attr.a={long}"), "attr.a"),
        (format!("attr.{long}=a"), "attr"),
        (words(17), "q"),
        (format!("q={long}"), "q"),
    ] {
        let refused = search(&query).await.expect(400);
        assert_eq!(refused.json()["field"], field, "{}", refused.text());
    }
}

/// A body that does not come is cut on the management listener as on the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_body_is_cut_on_the_management_listener_too() {
    let dev = Dev::start(&[("ONHAND_HTTP__HEADER_TIMEOUT", "300ms"), ("ONHAND_HTTP__IDLE_TIMEOUT", "1h")]).await;
    let mut late = dev.connect_to(MANAGEMENT).await;
    let head = "POST /actuator/loggers/ROOT HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    late.send(&format!("{head}\r\nauthorization: Bearer {}\r\ncontent-length: 50\r\n\r\n{{", dev.admin)).await;
    let answer = late.until_cut().await;
    assert!(answer.starts_with("HTTP/1.1 504") && answer.contains("deadline_exceeded"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_so_many_connections_at_the_origin_where_that_is_set() {
    // The edge beside it has connections of its own, from the same address.
    let dev = Dev::start(&[("ONHAND_HTTP__MAX_CONNECTIONS_PER_PEER", "40")]).await;
    let mut held: Vec<Connection> = Vec::new();
    let refused = loop {
        let mut connection = dev.connect_to(API).await;
        let _refused_unread = connection.0.write_all(b"GET /inventory/health HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let answer = connection.until("}").await;
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
        held.push(connection);
        assert!(held.len() <= 40, "more than one address may have");
    };
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains(r#""limit":40"#), "{refused}");
    let elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Connection(elsewhere.connect(dev.process.address(API).parse().unwrap()).await.unwrap());
    other.send("GET /inventory/health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(other.until("}").await.starts_with("HTTP/1.1 200"), "others are none of its business");
    held.clear();
    eventually!({
        let mut again = dev.connect_to(API).await;
        again.send("GET /inventory/health HTTP/1.1\r\nhost: x\r\n\r\n").await;
        again.until("}").await.starts_with("HTTP/1.1 200")
    });
}
