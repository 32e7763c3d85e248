//! What operators ask of the management listener.

use http::Method;
use onhand_http::auth::Scope;
use onhand_wire::{event::Change, explain::Explained};

use crate::world::{World, fact};

const WARM: &str = "/internal/api/inventory/warm-cache";

async fn explained(world: &World, sku: &str) -> Explained {
    let answer = world.get(&format!("{}/actuator/explain/{sku}", world.management)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

#[tokio::test]
async fn explain_tells_each_tier_and_what_channels_see() {
    let world = World::start().await;
    world.store(fact("a b/c", "eu-1", 5, 1));
    world.store(fact("a b/c", "eu-2", 3, 1));
    let nothing = explained(&world, "a%20b%2Fc").await;
    assert!(nothing.l1.is_none() && nothing.recent.stock.is_none() && nothing.shown.is_empty(), "{nothing:?}");
    assert_eq!(world.available("a%20b%2Fc").await, 8);
    world.publish(Change::Fact(fact("a b/c", "eu-1", 4, 2)));
    world.eventually("applied", async || world.available("a%20b%2Fc").await == 7).await;
    let told = explained(&world, "a%20b%2Fc").await;
    let held = told.l1.unwrap().stock;
    assert_eq!(held.fact("eu-1").unwrap().version.seq(), 2);
    assert_eq!(told.recent.stock.unwrap().fact("eu-1").unwrap().on_hand, 4);
    assert!(told.recent.fed.unwrap() >= told.recent.complete_from && told.recent.fed.unwrap() < told.node.position);
    assert!(told.node.as_of.is_some() && told.node.mode == "live");
    let shown: Vec<_> = told
        .shown
        .iter()
        .map(|shown| (shown.channel.as_ref().map(ToString::to_string), shown.shown.available))
        .collect();
    assert_eq!(shown, [(None, 7), (Some("web".to_owned()), 3)]);
    let refused = world.get(&format!("{}/actuator/explain/%20", world.management)).await;
    assert_eq!((refused.status.as_u16(), refused.json()["field"].as_str()), (400, Some("sku")));
    let posted = world.post(&format!("{}/actuator/explain/a", world.management), &[], "").await;
    assert_eq!(posted.code(), (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn warm_cache_loads_what_is_named_and_the_top() {
    let world = World::start_with(|config| config.audit.per_s = 0).await; // its loads are counted here
    for sku in ["a", "b", "c"] {
        world.store(fact(sku, "eu-1", 5, 1));
    }
    let operator = world.token(Scope::Operator);
    let warm = async |body: &str| {
        world.post(&format!("{}{WARM}", world.management), &[("authorization", &operator)], body).await
    };
    let first = warm(r#"{"skus":["c","none","c"]}"#).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let counts = first.json();
    assert_eq!((&counts["asked"], &counts["done"], &counts["origin"]), (&2.into(), &2.into(), &1.into()), "{counts}");
    assert_eq!((&counts["unknown"], &counts["failed"], &counts["l2_filled"]), (&1.into(), &0.into(), &0.into()));
    let loads = world.origin.with(|state| state.loads.len());
    assert_eq!(world.get("/v1/availability/c").await.header("onhand-source"), "l1");
    let rest = warm(r#"{"top":2}"#).await.json();
    assert_eq!((&rest["asked"], &rest["origin"]), (&2.into(), &2.into()), "{rest}");
    assert_eq!(warm("").await.json()["l1"], 3, "without anything named, a thousand of the top");
    assert_eq!(world.origin.with(|state| state.loads.len()), loads + 1, "the two in one load");
}

#[tokio::test]
async fn warm_cache_refuses_and_says_when_the_origin_is_gone() {
    let world = World::start().await;
    let operator = world.token(Scope::Operator);
    let url = format!("{}{WARM}", world.management);
    let warm = async |body: &str| world.post(&url, &[("authorization", &operator)], body).await;
    assert_eq!(world.post(&url, &[], "{}").await.status, 401);
    let storefront = world.token(Scope::Storefront);
    assert_eq!(world.post(&url, &[("authorization", &storefront)], "{}").await.status, 403);
    assert_eq!(world.get(&url).await.status, 405);
    for (body, field) in [(r#"{"top":0}"#, "top"), (r#"{"tip":1}"#, "tip"), (r#"{"skus":[" "]}"#, "skus[0]")] {
        let refused = warm(body).await;
        assert_eq!((refused.status.as_u16(), refused.json()["field"].as_str()), (400, Some(field)), "{}", refused.text);
    }
    world.origin.with(|state| state.broken = true);
    assert_eq!(warm(r#"{"skus":["a"]}"#).await.code(), (503, "origin_unavailable".to_owned()));
    assert_eq!(
        world
            .post(
                &format!("http://{}{WARM}", world.public.trim_start_matches("http://")),
                &[("authorization", &operator)],
                "{}"
            )
            .await
            .status,
        404,
        "never on the public listener"
    );
}

#[tokio::test]
async fn cleared_caches_are_loaded_again_and_do_not_go_back() {
    let world = World::start().await;
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5);
    world.publish(Change::Fact(fact("a", "eu-1", 4, 2)));
    world.eventually("applied", async || world.available("a").await == 4).await;
    let operator = world.token(Scope::Operator);
    let clear = format!("{}/actuator/caches/clearAll", world.management);
    let cleared = world.call(Method::POST, &clear, &[("authorization", &operator)], "").await;
    assert_eq!((cleared.status.as_u16(), cleared.text.as_str()), (200, r#"{"cleared":["l1"]}"#));
    let next = world.get("/v1/availability/a").await;
    // The origin here still says 5, at the older version: `recent` knows better.
    assert_eq!((next.json()["available"].as_i64(), next.header("onhand-source")), (Some(4), "origin"));
}
