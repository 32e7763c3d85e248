use http::Method;
use onhand_http::auth::Scope;
use onhand_wire::{Code, Version, event::Change};
use std::time::Duration;

use crate::world::{World, fact, item, location};

#[tokio::test]
async fn a_lookup_loads_once_then_answers_from_l1_and_follows_the_feed() {
    let world = World::start().await;
    world.store(fact("A B/C", "eu-1", 5, 1));
    let path = "/v1/availability/A%20B%2FC";
    let first = world.get(path).await;
    assert_eq!((first.status.as_u16(), first.header("onhand-source")), (200, "origin"));
    assert_eq!(first.json()["sku"], "A B/C");
    let second = world.get(path).await;
    assert_eq!((second.header("onhand-source"), &second.text), ("l1", &first.text));
    assert_eq!(second.header("cache-control"), "private, no-cache");
    world.publish(Change::Fact(fact("A B/C", "eu-1", 4, 2)));
    world.eventually("the change shows", async || world.get(path).await.json()["available"] == 4).await;
    assert_eq!(world.origin.with(|state| state.loads.len()), 2, "none and this one were loaded, once");
}

#[tokio::test]
async fn the_same_body_is_not_sent_twice() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    let first = world.get("/v1/availability/a").await;
    let etag = first.header("etag");
    let list = format!("\"x\", W/{etag}");
    let again = world.get_with("/v1/availability/a", &[("if-none-match", &list)]).await;
    assert_eq!((again.status.as_u16(), again.text.as_str(), again.header("etag")), (304, "", etag));
    assert!(!again.header("onhand-as-of").is_empty());
    world.publish(Change::Fact(fact("a", "eu-1", 4, 2)));
    world
        .eventually("a new body", async || {
            world.get_with("/v1/availability/a", &[("if-none-match", etag)]).await.status == 200
        })
        .await;
}

#[tokio::test]
async fn channels_locations_quantities_and_reservations() {
    let world = World::start().await;
    world.store(onhand_wire::Fact { reserved: 20, ..fact("a", "eu-1", 75, 1) });
    world.store(fact("a", "eu-2", 30, 1));
    let token = world.token(Scope::Storefront);
    let headers = [("authorization", token.as_str())];
    let shown = async |query: &str| world.get_with(&format!("/v1/availability/a?{query}"), &headers).await;
    assert_eq!(shown("channel=web").await.json()["available"], 30);
    assert_eq!(shown("location=eu-1&quantity=56").await.json()["sellable"], false);
    let without = shown("reservation=01930000-0000-7000-8000-000000000000").await;
    assert_eq!((without.json()["available"].as_i64(), without.header("onhand-source")), (Some(105), "origin"));
    assert_eq!(world.available("a").await, 85, "nothing of it was kept");
    assert_eq!(shown("channel=nope").await.code(), (404, Code::UnknownChannel.as_str().to_owned()));
    assert_eq!(shown("location=nope").await.code(), (404, "unknown_location".to_owned()));
    assert_eq!(shown("reservation=nope").await.code(), (404, "not_found".to_owned()));
    assert_eq!(shown("color=red").await.json()["field"], "color");
}

#[tokio::test]
async fn unknown_skus_are_remembered_until_the_feed_brings_them() {
    let world = World::start().await;
    for _ in 0..3 {
        assert_eq!(world.get("/v1/availability/new").await.code(), (404, "unknown_sku".to_owned()));
    }
    let loads = world.origin.with(|state| state.loads.len());
    assert_eq!(loads, 2, "none, and new once");
    world.store(fact("new", "eu-1", 5, 1));
    world.publish(Change::Item(item("new")));
    world.publish(Change::Fact(fact("new", "eu-1", 5, 1)));
    world.eventually("it is there", async || world.available("new").await == 5).await;
    assert_eq!(world.origin.with(|state| state.loads.len()), loads, "and was not asked for");
}

#[tokio::test]
async fn a_query_answers_in_order_and_loads_its_misses_together() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 1, 1));
    world.store(fact("b", "eu-2", 2, 1));
    let loads = world.origin.with(|state| state.loads.len());
    let body = r#"{"skus":["b","x","a","b"],"channel":"web"}"#;
    let answer = world.post("/v1/availability/query", &[], body).await;
    let items = answer.json()["items"].as_array().unwrap().clone();
    let shown: Vec<_> =
        items.iter().map(|item| (item["sku"].as_str().unwrap(), item["available"].as_i64().unwrap())).collect();
    assert_eq!(shown, [("b", 2), ("a", 0), ("b", 2)]);
    assert_eq!(answer.json()["unknown"], serde_json::json!(["x"]));
    assert_eq!(world.origin.with(|state| state.loads.len()), loads + 1);
    assert_eq!(world.post("/v1/availability/query", &[], body).await.header("onhand-source"), "l1");
    assert_eq!(world.post("/v1/availability/query", &[], r#"{"skus":[]}"#).await.json()["field"], "skus");
    world.store(fact("query", "eu-1", 9, 1));
    assert_eq!(world.available("query").await, 9, "a SKU may have that name");
}

#[tokio::test]
async fn misses_of_one_moment_are_one_load_and_one_sku_is_loaded_once() {
    let world = World::start().await;
    world.store(fact("hot", "eu-1", 1, 1));
    world.origin.with(|state| state.slow = Duration::from_millis(100));
    let before = world.origin.with(|state| state.loads.len());
    let all = (0..50).map(|_| world.available("hot"));
    assert!(futures_util::future::join_all(all).await.into_iter().all(|available| available == 1));
    assert_eq!(world.origin.with(|state| state.loads.len()), before + 1);
}

/// The change is committed and published while the load of its SKU travels with the older facts.
#[tokio::test]
async fn a_change_during_a_load_is_not_undone() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    world.origin.with(|state| state.slow = Duration::from_millis(200));
    let (shown, ()) = tokio::join!(world.available("a"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.publish(Change::Fact(fact("a", "eu-1", 4, 2)));
    });
    assert_eq!(shown, 4);
    assert_eq!(world.available("a").await, 4);
}

#[tokio::test]
async fn topology_travels_with_the_feed() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    world.store(fact("a", "eu-2", 3, 1));
    assert_eq!(world.available("a").await, 8);
    let disabled = onhand_wire::Location { enabled: false, version: Version::new(1, 2), ..location("eu-1", 0) };
    world.publish(Change::Location(disabled));
    world.eventually("it does not count", async || world.available("a").await == 3).await;
}

#[tokio::test]
async fn as_of_is_the_feeds_and_a_bound_goes_to_the_origin() {
    let world = World::start_with(|config| config.freshness.live_ms = 1000).await;
    world.store(fact("a", "eu-1", 5, 1));
    let t = world.watermark();
    world
        .eventually("the watermark shows", async || {
            world.get("/v1/availability/a").await.header("onhand-as-of") == t.to_string()
        })
        .await;
    world.store(fact("a", "eu-1", 4, 2)); // the feed says nothing of it
    assert_eq!(world.available("a").await, 5);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let bounded = world.get_with("/v1/availability/a", &[("onhand-max-staleness", "20")]).await;
    assert_eq!((bounded.json()["available"].as_i64(), bounded.header("onhand-source")), (Some(4), "origin"));
    assert!(bounded.header("onhand-as-of") > t.to_string().as_str());
    let lax = world.get_with("/v1/availability/a", &[("onhand-max-staleness", "60000")]).await;
    assert_eq!((lax.json()["available"].as_i64(), lax.header("onhand-source")), (Some(4), "l1"));
    let wrong = world.get_with("/v1/availability/a", &[("onhand-max-staleness", "1.5")]).await;
    assert_eq!((wrong.status.as_u16(), wrong.json()["field"].as_str()), (400, Some("Onhand-Max-Staleness")));
}

#[tokio::test]
async fn undecodable_records_are_skipped() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5);
    world.log.append((0..crate::world::PARTITIONS).map(|partition| (partition, b"nonsense".to_vec())));
    world.publish(Change::Fact(fact("a", "eu-1", 4, 2)));
    world.eventually("the next one counts", async || world.available("a").await == 4).await;
    let page = world.call(Method::GET, &format!("{}/metrics", world.management), &[], "").await.text;
    assert!(page.contains("edge_feed_undecodable_total 2"), "{page}");
    assert!(page.contains("edge_lookups_total{source=\"l1\"}"), "{page}");
}
