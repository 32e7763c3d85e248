//! Each mode of architecture.md's table, entered and left, as headers, metric and health tell it.

use std::time::Duration;

use onhand_harness::{Client, Reply, World, eventually};
use reqwest::Method;

const SHOWS: Duration = Duration::from_secs(30);
/// Long enough to look around in before it is over, on a busy machine too.
const STALE_IF_ERROR_S: &str = "12";

struct Shop {
    world: World,
    edge: Client,
}

impl Shop {
    async fn open() -> Self {
        let world = World::start().edges(1).links().env("ONHAND_FRESHNESS__STALE_IF_ERROR_S", STALE_IF_ERROR_S);
        let world = world.env("CIRCUIT_BREAKER_BASE_TIMEOUT", "200ms").env("CIRCUIT_BREAKER_MAX_TIMEOUT", "500ms");
        let world = world.env("ONHAND_EDGE__REDIS__URL", "").ready().await;
        world.location("a", 0).await;
        for sku in ["cached", "cold-1", "cold-2", "cold-3"] {
            world.stock(sku, "a", 5).await;
        }
        let edge = world.edge(0).anonymous();
        let shop = Self { world, edge };
        eventually!(shop.look("cached").await.status == 200);
        shop
    }

    async fn look(&self, sku: &str) -> Reply {
        self.edge.get(&format!("/v1/availability/{sku}")).await
    }

    async fn bounded(&self, sku: &str) -> Reply {
        let call = self.edge.call(Method::GET, &format!("/v1/availability/{sku}"));
        call.header("onhand-max-staleness", "100").send().await
    }

    /// Whether metric and health both say so.
    async fn is(&self, name: &str, number: f64, status: u16) -> bool {
        let health = self.edge.get("/health").await;
        let told = health.json()["mode"] == name && health.status == status;
        told && self.world.edge(0).metric("edge_mode").await == Some(number)
    }

    fn cut_origins(&self) {
        self.world.links().edge_origins.iter().for_each(|way| way.cut());
    }

    fn heal_origins(&self) {
        self.world.links().edge_origins.iter().for_each(|way| way.heal());
    }
}

fn source(reply: &Reply) -> &str {
    reply.header("onhand-source").unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mode_is_entered_and_left_as_tabled() {
    let shop = Shop::open().await;
    live(&shop).await;
    live_without_the_origin(&shop).await;
    catching_up(&shop).await;
    stale(&shop).await;
    unavailable(&shop).await;
    and_back(&shop).await;
}

/// Reads come from the cache, as of now.
async fn live(shop: &Shop) {
    eventually!(SHOWS, shop.is("live", 0.0, 200).await);
    let first = shop.look("cached").await.expect(200);
    assert_eq!((source(&first), first.header("onhand-stale")), ("l1", None));
    let as_of = first.header("onhand-as-of").unwrap().to_owned();
    eventually!(shop.look("cached").await.header("onhand-as-of").unwrap() > as_of.as_str());
}

/// The feed alone keeps it live; what is not cached cannot be had.
async fn live_without_the_origin(shop: &Shop) {
    shop.cut_origins();
    eventually!(SHOWS, shop.look("cold-1").await.code() == "origin_unavailable");
    let missing = shop.look("cold-1").await.expect(503);
    assert!(missing.header("retry-after").is_some());
    let cached = shop.look("cached").await.expect(200);
    assert_eq!((source(&cached), cached.header("onhand-stale")), ("l1", None));
    eventually!(SHOWS, shop.is("live", 0.0, 503).await, "unhealthy: the origin cannot be reached");
    shop.heal_origins();
    eventually!(SHOWS, shop.look("cold-1").await.status == 200);
    eventually!(SHOWS, shop.is("live", 0.0, 200).await);
}

/// Misses and bounded callers go to the origin, the rest comes from the cache and says how old it is.
async fn catching_up(shop: &Shop) {
    shop.world.links().edge_kafka.cut();
    eventually!(SHOWS, shop.is("catching_up", 1.0, 503).await);
    let cached = shop.look("cached").await.expect(200);
    assert_eq!((source(&cached), cached.header("onhand-stale")), ("l1", None));
    let as_of = cached.header("onhand-as-of").unwrap().to_owned();
    shop.world.stock("cached", "a", 9).await;
    assert_eq!(shop.look("cached").await.header("onhand-as-of"), Some(as_of.as_str()), "as-of stands still");
    let bounded = shop.bounded("cached").await.expect(200);
    assert_eq!((source(&bounded), bounded.json()["available"].as_i64()), ("origin", Some(9)));
    assert!(bounded.header("onhand-as-of").unwrap() > as_of.as_str(), "what was loaded now is as of now");
    let miss = shop.look("cold-2").await.expect(200);
    assert_eq!((source(&miss), miss.header("onhand-stale")), ("origin", None));
    shop.world.links().edge_kafka.heal();
    eventually!(SHOWS, shop.is("live", 0.0, 200).await);
}

/// Neither feed nor origin: what is cached is shown, marked; nothing else can be had.
async fn stale(shop: &Shop) {
    shop.cut_origins();
    shop.world.links().edge_kafka.cut();
    eventually!(SHOWS, shop.is("stale", 2.0, 503).await);
    let marked = shop.look("cached").await.expect(200);
    assert_eq!((source(&marked), marked.header("onhand-stale")), ("l1", Some("true")));
    assert_eq!(marked.json()["available"], 9, "the last that was heard");
    for refused in [shop.bounded("cached").await, shop.look("cold-3").await] {
        assert_eq!((refused.status, refused.code().as_str()), (503, "origin_unavailable"));
        assert!(refused.header("retry-after").is_some());
    }
}

/// Beyond `stale_if_error_s` nothing is claimed any more.
async fn unavailable(shop: &Shop) {
    eventually!(SHOWS, shop.is("unavailable", 3.0, 503).await);
    let refused = shop.look("cached").await.expect(503);
    assert_eq!(refused.code(), "origin_unavailable");
    assert!(refused.header("retry-after").is_some());
}

/// The origin brings back catching up, the feed brings back live; by themselves.
async fn and_back(shop: &Shop) {
    shop.heal_origins();
    eventually!(SHOWS, shop.is("catching_up", 1.0, 503).await);
    assert_eq!(shop.look("cached").await.expect(200).header("onhand-stale"), None);
    shop.world.links().edge_kafka.heal();
    eventually!(SHOWS, shop.is("live", 0.0, 200).await);
    shop.world.stock("cached", "a", 3).await;
    eventually!(shop.look("cached").await.json()["available"] == 3);
    // The relay's own silence shows in the same way.
    shop.world.links().origins_kafka.cut();
    eventually!(SHOWS, shop.is("catching_up", 1.0, 200).await);
    shop.world.links().origins_kafka.heal();
    eventually!(SHOWS, shop.is("live", 0.0, 200).await);
}
