use onhand_http::auth::Scope;
use onhand_wire::{Channel, Fact, Item, Location, Version, event::Change};

use crate::world::{World, channel, fact, item, location};

/// With `a` (5 at eu-1) and `b` (2 at eu-2) known to the origin.
async fn shop() -> World {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    world.store(fact("b", "eu-2", 2, 1));
    world
}

#[tokio::test]
async fn the_present_state_comes_first_then_each_change() {
    let world = shop().await;
    let mut events = world.stream("/v1/stream?sku=a&sku=b&sku=a", &[]).await;
    assert_eq!(
        (events.header("content-type"), events.header("cache-control"), events.header("onhand-source")),
        ("text/event-stream", "private, no-cache", "origin")
    );
    assert!(!events.header("onhand-as-of").is_empty());
    let (first, second) = (events.availability().await, events.availability().await);
    assert_eq!((first.text("sku"), first.number("available")), ("a", 5));
    assert_eq!((second.text("sku"), second.number("available")), ("b", 2));
    assert_eq!(first.data, world.get("/v1/availability/a").await.json(), "the same object as a lookup's");
    for on_hand in [4, 3, 2] {
        world.publish(Change::Fact(fact("a", "eu-1", on_hand, 10 - on_hand as u64)));
    }
    for on_hand in [4, 3, 2] {
        let event = events.availability().await;
        assert_eq!((event.text("sku"), event.number("available")), ("a", on_hand));
    }
    world.publish(Change::Fact(fact("a", "eu-1", 9, 1)));
    world.publish(Change::Fact(fact("b", "eu-2", 1, 2)));
    assert_eq!(events.availability().await.text("sku"), "b", "an older fact shows nothing");
}

#[tokio::test]
async fn a_channel_s_view_and_what_changes_it() {
    let world = shop().await;
    world.store(fact("a", "eu-2", 3, 1));
    let mut events = world.stream("/v1/stream?sku=a&channel=web", &[]).await;
    assert_eq!(events.availability().await.number("available"), 3);
    world.publish(Change::Fact(fact("a", "eu-1", 7, 2)));
    world.eventually("it is in", async || world.available("a").await == 10).await;
    let both = Channel { version: Version::new(1, 2), ..channel("web", &["eu-2", "eu-1"]) };
    world.publish(Change::Channel(both));
    assert_eq!(events.availability().await.number("available"), 10, "the fact at eu-1 alone showed nothing");
    let disabled = Location { enabled: false, version: Version::new(1, 2), ..location("eu-2", 1) };
    world.publish(Change::Location(disabled));
    assert_eq!(events.availability().await.number("available"), 7);
}

/// Whatever is published before a watermark is shown before its moment is told.
#[tokio::test]
async fn a_moment_comes_after_all_that_it_covers() {
    let world = shop().await;
    let mut events = world.stream("/v1/stream?sku=a", &[]).await;
    assert_eq!(events.availability().await.number("available"), 5);
    let first = events.as_of().await;
    for round in 2..5 {
        let seq = round as u64;
        world.log.append([(change(round, seq).partition(crate::world::PARTITIONS), change(round, seq).encode())]);
        let mark = world.watermark().to_string();
        let mut shown = 0;
        loop {
            let event = events.next().await.expect("it goes on");
            match event.name.as_str() {
                "availability" => shown = event.number("available"),
                _ if event.text("as_of") >= mark.as_str() => break,
                _ => assert!(event.text("as_of") >= first.as_str()),
            }
        }
        assert_eq!(shown, round, "told by then");
    }
}

fn change(on_hand: i64, seq: u64) -> Change {
    Change::Fact(fact("a", "eu-1", on_hand, seq))
}

#[tokio::test]
async fn a_resumed_stream_shows_what_changed_since() {
    let world = shop().await;
    let mut events = world.stream("/v1/stream?sku=a&sku=b", &[]).await;
    events.availability().await;
    let id = events.availability().await.id;
    drop(events);
    world.publish(Change::Fact(fact("b", "eu-2", 1, 2)));
    world.eventually("the change is in", async || world.available("b").await == 1).await;
    let mut resumed = world.stream("/v1/stream?sku=a&sku=b", &[("last-event-id", &id)]).await;
    let event = resumed.availability().await;
    assert_eq!((event.text("sku"), event.number("available")), ("b", 1));
    assert_eq!(resumed.next().await.unwrap().name, "as_of", "nothing else changed");
    let mut again = world.stream("/v1/stream?sku=a&sku=b", &[("last-event-id", &event.id)]).await;
    assert_eq!(again.next().await.unwrap().name, "as_of", "nothing at all");
    for (path, id) in [("/v1/stream?sku=a&sku=b", "nonsense"), ("/v1/stream?sku=b&sku=a", id.as_str())] {
        let mut other = world.stream(path, &[("last-event-id", id)]).await;
        other.availability().await;
        other.availability().await;
    }
}

#[tokio::test]
async fn a_deleted_sku_is_told_and_comes_back() {
    let world = shop().await;
    let mut events = world.stream("/v1/stream?sku=a", &[]).await;
    let id = events.availability().await.id;
    let deleted = Item { deleted: true, version: Version::new(1, 2), ..item("a") };
    world.origin.with(|state| state.stocks.get_mut("a").unwrap().join_item(deleted.clone()));
    world.publish(Change::Item(deleted));
    let event = events.other_than_as_of().await;
    assert_eq!((event.name.as_str(), event.text("sku")), ("unknown", "a"));
    assert_eq!(world.get("/v1/stream?sku=a").await.code(), (404, "unknown_sku".to_owned()));
    let mut resumed = world.stream("/v1/stream?sku=a", &[("last-event-id", &id)]).await;
    assert_eq!(resumed.other_than_as_of().await.name, "unknown", "told to who comes back, too");
    world.publish(Change::Fact(Fact { deleted: true, ..fact("a", "eu-1", 5, 2) }));
    world.publish(Change::Item(Item { version: Version::new(1, 3), ..item("a") }));
    world.publish(Change::Fact(fact("a", "eu-1", 8, 3)));
    assert_eq!(events.availability().await.number("available"), 0);
    assert_eq!(events.availability().await.number("available"), 8);
}

#[tokio::test]
async fn what_is_wrong_is_told_before_a_stream_begins() {
    let world = shop().await;
    for (query, field) in
        [("", "sku"), ("sku=", "sku"), ("sku=a&location=eu-1", "location"), ("sku=a&channel=?", "channel")]
    {
        let reply = world.get(&format!("/v1/stream?{query}")).await;
        assert_eq!((reply.code().0, reply.json()["field"].as_str()), (400, Some(field)), "{query}");
    }
    let unknown = world.get("/v1/stream?sku=a&sku=nope").await;
    assert_eq!((unknown.code(), unknown.json()["sku"].as_str()), ((404, "unknown_sku".to_owned()), Some("nope")));
    assert_eq!(world.get("/v1/stream?sku=a&channel=nope").await.code(), (404, "unknown_channel".to_owned()));
    let many: String = (0..101).map(|n| format!("sku={n}&")).collect();
    assert_eq!(world.get(&format!("/v1/stream?{many}")).await.json()["field"], "sku");
    let post = world.post("/v1/stream?sku=a", &[], "").await;
    assert_eq!((post.code().0, post.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn a_node_has_so_many_streams_and_no_more() {
    let world = World::start_with(|config| config.streams = 1).await;
    world.store(fact("a", "eu-1", 5, 1));
    let mut events = world.stream("/v1/stream?sku=a", &[]).await;
    events.availability().await;
    let refused = world.get("/v1/stream?sku=a").await;
    assert_eq!((refused.code(), refused.header("retry-after")), ((503, "overloaded".to_owned()), "1"));
    assert_eq!(refused.json()["limit"], 1);
    drop(events);
    world.eventually("its place is free", async || world.opens("/v1/stream?sku=a").await).await;
}

#[tokio::test]
async fn closed_reads_need_a_token_and_a_stream_ends_with_it() {
    let world = World::start_closed().await;
    world.store(fact("a", "eu-1", 5, 1));
    let body = r#"{"lines":[{"sku":"a","quantity":1}]}"#;
    let refused = [
        world.get("/v1/stream?sku=a").await,
        world.get("/v1/availability/a").await,
        world.post("/v1/availability/query", &[], r#"{"skus":["a"]}"#).await,
        world.post("/v1/quotes", &[], body).await,
        world.post("/v1/quotes", &[("content-type", "text/csv")], "nonsense").await,
    ];
    for reply in refused {
        assert_eq!((reply.code(), reply.header("www-authenticate")), ((401, "unauthenticated".to_owned()), "Bearer"));
    }
    let token = world.token(Scope::Storefront);
    assert_eq!(world.post("/v1/quotes", &[("authorization", &token)], body).await.status, 200);
    // Clocks may differ by 5 s: it is good for 3 s more.
    let brief = world.token_that_expires(Scope::Storefront, -2);
    let mut events = world.stream("/v1/stream?sku=a", &[("authorization", &brief)]).await;
    assert_eq!(events.availability().await.number("available"), 5);
    assert_eq!(events.end().await, "token_expired");
}

#[tokio::test]
async fn a_degraded_stream_says_so_and_ends_where_a_lookup_is_refused() {
    let world = World::start_with(|config| {
        config.freshness.live_ms = 300;
        config.freshness.stale_if_error_s = 5;
    })
    .await;
    world.store(fact("a", "eu-1", 5, 1));
    world.watermark();
    let mut events = world.stream("/v1/stream?sku=a", &[]).await;
    events.availability().await;
    assert_eq!(events.next().await.unwrap().data.get("stale"), None);
    world.origin.with(|state| state.broken = true);
    loop {
        let event = events.next().await.expect("told as stale first");
        if event.data.get("stale").is_some() {
            assert_eq!((event.name.as_str(), &event.data["stale"]), ("as_of", &true.into()));
            break;
        }
    }
    assert_eq!(events.end().await, "origin_unavailable");
}

/// The connection limits are shorter than the stream lasts: it idles, so far as they can see.
#[tokio::test]
async fn a_stream_outlives_the_limits_of_idle_connections_and_ends_at_shutdown() {
    let mut world = World::start_with(|config| {
        config.http.header_timeout = onhand_http::setting::Span::ms(100);
        config.http.idle_timeout = onhand_http::setting::Span::ms(300);
    })
    .await;
    world.store(fact("a", "eu-1", 5, 1));
    let mut events = world.stream("/v1/stream?sku=a", &[]).await;
    events.availability().await;
    for _ in 0..3 {
        events.as_of().await;
    }
    world.stop();
    assert_eq!(events.end().await, "shutting_down");
    assert!(events.next().await.is_none());
    world.stopped().await;
}

/// Shown at so many places, a change is 20 KB: soon more than the system keeps for a reader.
#[tokio::test]
async fn a_slow_reader_is_told_and_dropped_and_nobody_else_waits() {
    const PLACES: usize = 200;
    const CHANGES: u64 = 600;
    let world = shop().await;
    for place in 0..PLACES {
        let name = format!("somewhere-{place}");
        world.publish(Change::Location(location(&name, 5)));
        world.store(fact("a", &name, 1, 1));
    }
    let mut quick = world.stream("/v1/stream?sku=a", &[]).await;
    let mut slow = world.narrow_stream("/v1/stream?sku=a").await;
    while quick.availability().await.data["locations"].as_array().unwrap().len() < PLACES {}
    for seq in 2..CHANGES {
        world.publish(Change::Fact(fact("a", "eu-1", seq as i64, seq)));
        while quick.availability().await.data["locations"][0]["available"] != seq {}
    }
    let page = async || world.get(&format!("{}/metrics", world.management)).await.text;
    assert!(page().await.contains("edge_streams 2"), "nobody was dropped who has not been told");
    assert_eq!(slow.end().await, "slow_reader");
    assert!(slow.next().await.is_none());
    world.eventually("counted", async || page().await.contains(r#"ended_total{reason="slow_reader"} 1"#)).await;
    world.publish(Change::Fact(fact("a", "eu-1", 0, CHANGES)));
    while quick.availability().await.data["locations"][0]["available"] != 0 {}
}

/// The log was lost, and with it a change: the stream loads, and goes on.
#[tokio::test]
async fn a_new_history_shows_by_itself() {
    let world = shop().await;
    let mut events = world.stream("/v1/stream?sku=a", &[]).await;
    assert_eq!(events.availability().await.number("available"), 5);
    world.origin.with(|state| {
        let (stock, version) = (state.stocks.get_mut("a").unwrap(), Version::new(2, 1));
        stock.facts[0] = Fact { version, on_hand: 3, ..stock.facts[0].clone() };
        stock.item = Some(Item { version, ..item("a") });
    });
    world.lose_history(2);
    let event = events.availability().await;
    assert_eq!((event.number("available"), &event.data["locations"][0]["version"]), (3, &"2.1".into()));
}
