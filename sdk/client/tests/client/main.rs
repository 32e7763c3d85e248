//! What the client sends, when it repeats a call, and what it returns, against real listeners.

mod node;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use node::{Node, Says};
use onhand_client::{Client, Error, FileFormat, Import, Mode, Retry, Search, Source, View};
use onhand_wire::{
    ChannelId, LocationId, Quantity, Sku, Timestamp,
    availability::Status,
    request::{Hold, HoldLine},
};

const BUSY: Says = Says::Answer(503, &[], r#"{"code":"overloaded","detail":"busy","retry":"same_key"}"#);
const HELD: Says = Says::Answer(
    201,
    &[("onhand-session", "s1"), ("onhand-as-of", "2026-01-31T09:30:00.123Z")],
    r#"{"id":"0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b","state":"held","expires_at":null,
        "created_at":"2026-01-31T09:30:00.123Z","order_ref":null,"lines":[],"allocated_by":"priority"}"#,
);

fn sku() -> Sku {
    Sku::new("DOT COM/1").unwrap()
}

fn hold() -> Hold {
    Hold::of(vec![HoldLine { sku: sku(), quantity: Quantity::new(2).unwrap(), location: None }])
}

fn client(nodes: &[&Node]) -> Client {
    Client::builder().urls(nodes.iter().map(|node| &node.url)).token("t0ken").build().unwrap()
}

#[tokio::test]
async fn a_write_goes_on_at_the_next_node_with_the_same_key() {
    let (one, two) = (Node::that_says(&[Says::Cut, BUSY]).await, Node::that_says(&[BUSY, HELD]).await);
    let client = client(&[&one, &two]);
    let held = client.hold(&hold()).await.unwrap();
    assert_eq!((held.status.as_u16(), held.node, held.session.as_deref()), (201, 1, Some("s1")));
    assert_eq!(held.as_of, Timestamp::parse("2026-01-31T09:30:00.123Z"));
    assert_eq!(client.retries(), 3);
    let tries: Vec<_> = one.seen().into_iter().chain(two.seen()).collect();
    let key = tries[0].header("idempotency-key");
    assert_eq!((tries.len(), key.len()), (4, 36));
    assert!(tries.iter().all(|seen| seen.header("idempotency-key") == key && seen.body == tries[0].body));
    assert!(tries.iter().all(|seen| seen.header("authorization") == "Bearer t0ken"));

    let again = client.hold(&hold()).key("order-7").starting_at(1).await.unwrap();
    let seen = two.seen();
    assert_eq!((again.node, seen[0].header("idempotency-key")), (1, "order-7"));
}

#[tokio::test]
async fn what_would_be_refused_again_is_not_asked_again() {
    let short = Says::Answer(
        409,
        &[("x-correlation-id", "c-1")],
        r#"{"type":"urn:onhand:error:insufficient_stock","title":"t","status":409,"code":"insufficient_stock",
            "detail":"line 0: 1 available","retry":"never","correlation_id":"c-1","lines":[{"line":0}]}"#,
    );
    let (one, two) = (Node::that_says(&[short]).await, Node::that_says(&[HELD]).await);
    let error = client(&[&one, &two]).hold(&hold()).await.unwrap_err();
    assert!(error.is("insufficient_stock"), "{error}");
    let problem = error.problem().unwrap();
    assert_eq!((problem.status.as_u16(), problem.retry, problem.tries), (409, Retry::Never, 1));
    assert_eq!(problem.members.keys().collect::<Vec<_>>(), ["lines"]);
    let said = error.to_string();
    for part in ["POST /v1/reservations", "409 Conflict", "line 0: 1 available", "correlation id c-1"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert_eq!((one.seen().len(), two.seen().len()), (1, 0));
}

/// Of several answers with the same status, some are final.
#[tokio::test]
async fn retry_decides_and_a_status_where_nothing_is_said() {
    let again = [
        Says::Answer(409, &[], r#"{"code":"in_progress","retry":"same_key"}"#),
        Says::Answer(502, &[], "<html>a proxy's</html>"),
        Says::Answer(504, &[], ""),
        Says::Answer(429, &[("retry-after", "0")], r#"{"code":"rate_limited","retry":"later"}"#),
    ];
    for says in again {
        let node = Node::that_says(&[says, HELD]).await;
        assert!(client(&[&node]).hold(&hold()).await.is_ok());
        assert_eq!(node.seen().len(), 2);
    }
    let definite = [
        Says::Answer(500, &[], r#"{"code":"internal","retry":"never"}"#),
        Says::Answer(404, &[], "<html>not ours</html>"),
        Says::Answer(503, &[], r#"{"code":"some_day","retry":"never"}"#),
    ];
    for says in definite {
        let node = Node::that_says(&[says, HELD]).await;
        assert!(client(&[&node]).hold(&hold()).await.unwrap_err().problem().is_some());
        assert_eq!(node.seen().len(), 1);
    }
}

#[tokio::test]
async fn when_patience_is_over_the_last_problem_is_told() {
    let node = Node::that_says(&[BUSY]).await;
    let client = client(&[&node]);
    let once = client.hold(&hold()).once().await.unwrap_err();
    assert_eq!((node.seen().len(), once.problem().unwrap().tries), (1, 1));
    let error = client.hold(&hold()).patience(Duration::from_millis(100)).await.unwrap_err();
    let tries = node.seen().len();
    assert!(tries > 1 && error.to_string().contains(&format!("{tries} tries")), "{error}");
    assert_eq!(error.problem().unwrap().retry, Retry::SameKey);
}

#[tokio::test]
async fn where_nobody_answers_it_says_who_and_shows_no_secret() {
    let (frozen, dead) = (Node::that_says(&[Says::Nothing]).await, Node::that_says(&[Says::Cut]).await);
    let secret = frozen.url.replace("http://", "http://user:hunter2@");
    let client = Client::builder().url(&secret).url(&dead.url).token("hunter3").try_timeout(Duration::from_millis(50));
    let client = client.patience(Duration::from_millis(150)).build().unwrap();
    let error = client.availability(&sku(), &View::default()).await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::NoAnswer { tries: 2.., .. }), "{said}");
    assert!(said.contains(&frozen.url) && said.contains(&dead.url) && !said.contains("hunter"), "{said}");
    assert!(!frozen.seen().is_empty() && !dead.seen().is_empty());

    let error = client.availability(&sku(), &View::default()).only(1).once().await.unwrap_err().to_string();
    assert!(error.contains(&dead.url) && !error.contains(&frozen.url), "{error}");
    assert!(frozen.seen().is_empty());
}

#[tokio::test]
async fn a_lookup_says_what_is_asked_and_tells_what_the_headers_say() {
    let shown = Says::Answer(
        200,
        &[("onhand-source", "l2"), ("onhand-stale", "true"), ("onhand-as-of", "2026-01-31T09:30:00.123Z")],
        r#"{"sku":"DOT COM/1","available":0,"status":"out_of_stock","locations":[]}"#,
    );
    let node = Node::that_says(&[shown]).await;
    let locations = vec![LocationId::new("a").unwrap(), LocationId::new("b").unwrap()];
    let (channel, quantity) = (ChannelId::new("web").ok(), Quantity::new(3).ok());
    let view = View { channel, locations, quantity, reservation: None };
    let call = client(&[&node]).availability(&sku(), &view).session("s1").max_staleness(Duration::from_secs(1));
    let reply = call.deadline(Duration::from_millis(250)).correlation_id("c-9").await.unwrap();
    assert_eq!((reply.value.status, reply.source, reply.stale), (Status::OutOfStock, Some(Source::L2), true));
    let seen = node.seen();
    assert_eq!(seen[0].target, "/v1/availability/DOT%20COM%2F1?channel=web&location=a&location=b&quantity=3");
    let headers = ["onhand-session", "onhand-max-staleness", "onhand-timeout-ms", "x-correlation-id"];
    assert_eq!(headers.map(|name| seen[0].header(name)), ["s1", "1000", "250", "c-9"]);
}

#[tokio::test]
async fn a_strange_answer_and_what_cannot_be_sent_end_at_once() {
    let node = Node::that_says(&[Says::Answer(200, &[], "{}")]).await;
    let client = client(&[&node]);
    let error = client.hold(&hold()).await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    assert_eq!(node.seen().len(), 1);
    let error = client.hold(&hold()).key("two\nlines").await.unwrap_err();
    assert!(matches!(error, Error::Unsendable { .. }), "{error}");
    assert!(node.seen().is_empty());
    for wrong in ["127.0.0.1:8080", "ftp://x", "http://", "redis://u:hunter2@x"] {
        let error = Client::builder().url(wrong).build().err().unwrap();
        assert!(matches!(error, Error::Address { .. }) && !error.to_string().contains("hunter2"), "{error}");
    }
    assert!(matches!(Client::builder().build(), Err(Error::NoAddress)));
}

#[tokio::test]
async fn a_redirect_takes_the_token_nowhere() {
    let elsewhere = Node::that_says(&[HELD]).await;
    let location: &'static str = Box::leak(elsewhere.url.clone().into_boxed_str());
    let headers: &'static [_] = Box::leak(Box::new([("location", location)]));
    let node = Node::that_says(&[Says::Answer(307, headers, "")]).await;
    let error = client(&[&node]).hold(&hold()).await.unwrap_err();
    assert_eq!(error.problem().unwrap().status.as_u16(), 307);
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_token_is_renewed_by_writing_its_file() {
    let (node, folder) = (Node::that_says(&[BUSY]).await, tempfile::tempdir().unwrap());
    let file = folder.path().join("token");
    let client = Client::builder().url(&node.url).token_file(&file).build().unwrap();
    let missing = client.hold(&hold()).await.unwrap_err();
    assert!(missing.to_string().contains("token") && node.seen().is_empty(), "{missing}");
    for token in ["one", "two"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        client.hold(&hold()).once().await.unwrap_err();
        assert_eq!(node.seen()[0].header("authorization"), format!("Bearer {token}"));
    }
}

#[tokio::test]
async fn pages_follow_their_cursors_up_to_what_is_wanted() {
    let item = |more| Says::Answer(200, &[], more);
    let first = item(r#"{"items":[{"sku":"a","version":"1.1"},{"sku":"b","version":"1.2"}],"next_cursor":"x+y"}"#);
    let last = item(r#"{"items":[{"sku":"c","version":"1.3"}],"next_cursor":null}"#);
    let node = Node::that_says(&[first.clone(), last.clone()]).await;
    let search = Search { q: Some("mug & bowl".to_owned()), ..Search::default() };
    let items = client(&[&node]).products(&search).items(1000).await.unwrap();
    assert_eq!(items.iter().map(|item| item.sku.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let asked: Vec<_> = node.seen().into_iter().map(|seen| seen.target).collect();
    let products = "/inventory/products?q=mug%20%26%20bowl";
    assert_eq!(asked, [format!("{products}&limit=500"), format!("{products}&cursor=x%2By&limit=500")]);

    let node = Node::that_says(&[first]).await;
    assert_eq!(client(&[&node]).products(&Search::default()).items(2).await.unwrap().len(), 2);
    assert_eq!(node.seen().len(), 1, "what is wanted is there");
}

#[tokio::test]
async fn a_file_is_sent_again_from_its_beginning() {
    let report = Says::Answer(200, &[], r#"{"read":1,"applied":1,"rejected":0,"errors":[]}"#);
    let (node, folder) = (Node::that_says(&[BUSY, report]).await, tempfile::tempdir().unwrap());
    let (file, text) = (folder.path().join("stock.ndjson"), "x".repeat(200_000));
    std::fs::write(&file, &text).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let progress = move |sent| heard.lock().unwrap().push(sent);
    let import = Import { format: FileFormat::NdJson, mode: Mode::Adjust, ..Import::default() };
    let imported = client(&[&node]).import_file(import, &file, progress).key("k").await.unwrap().value;
    assert_eq!((imported.read, imported.applied), (1, 1));
    let seen = node.seen();
    assert_eq!(seen.len(), 2);
    for seen in &seen {
        assert_eq!(seen.target, "/inventory/imports?mode=adjust&on_error=abort&create=false");
        assert_eq!((seen.header("idempotency-key"), seen.header("content-type")), ("k", "application/x-ndjson"));
        assert!(seen.body == text.as_bytes(), "{} bytes", seen.body.len());
    }
    let told = told.lock().unwrap().clone();
    assert_eq!(told.iter().filter(|sent| **sent == 65_536).count(), 2, "{told:?}");
    assert_eq!(told.last(), Some(&200_000));

    let none = client(&[&node]).import_file(import, &folder.path().join("none"), |_| {}).await.unwrap_err();
    assert!(matches!(none, Error::BodyFile { .. }), "{none}");
}
