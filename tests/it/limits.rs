//! A caller's share, counted by all edges of a region together, and by each alone without Redis.

use onhand_harness::{Reply, World, eventually};

const SHARE: u32 = 6;
const PATH: &str = "/v1/reservations/00000000-0000-0000-0000-000000000000";

async fn call(world: &World, edge: usize, subject: &str) -> Reply {
    let token = world.tokens.issue(subject, "storefront", "1h");
    world.edge(edge).client(&token).get(PATH).await
}

/// How many of ten calls at this edge are let through.
async fn through(world: &World, edge: usize, subject: &str) -> u32 {
    let mut through = 0;
    for _ in 0..10 {
        let reply = call(world, edge, subject).await;
        let quota = reply.header("ratelimit").unwrap_or_default().to_owned();
        match reply.status {
            404 => through += 1,
            429 => assert!(quota.starts_with("\"default\";r=0;t=") && reply.code() == "rate_limited", "{quota}"),
            _ => panic!("{}", reply.text()),
        }
        assert_eq!(reply.header("ratelimit-policy"), Some("\"default\";q=6;w=3600"));
    }
    through
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_is_the_regions_and_without_redis_each_edges_own() {
    let world = World::start().edges(2).dedicated();
    let world = world.env("ONHAND_EDGE__LIMITS__RESERVATIONS__MAX_REQUESTS", &SHARE.to_string());
    let world = world.env("ONHAND_EDGE__LIMITS__RESERVATIONS__WINDOW", "1h");
    // A busy machine's Redis may take longer than the 50 ms after which an edge counts alone.
    let world = world.env("ONHAND_EDGE__REDIS__TIMEOUT", "1s").ready().await;
    for turn in 0..SHARE {
        let reply = call(&world, turn as usize % 2, "together").await.expect(404);
        let left = format!("\"default\";r={};t=", SHARE - 1 - turn);
        assert!(reply.header("ratelimit").unwrap().starts_with(&left), "{:?}", reply.headers);
    }
    for edge in 0..2 {
        let refused = call(&world, edge, "together").await.expect(429);
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((3000..=3600).contains(&wait), "{wait}");
    }
    let mut redis = world.redis_client().await;
    let key = "ratelimit:reservations:sub:together";
    let ttl: i64 = redis::cmd("PTTL").arg(key).query_async(&mut redis).await.unwrap();
    assert!((3_000_000..=3_600_000).contains(&ttl), "{ttl}");
    assert_eq!(through(&world, 0, "another").await, SHARE, "each caller has its own");

    world.redis().kill();
    assert_eq!(through(&world, 0, "together").await, 0, "what the node knows stays known");
    assert_eq!((through(&world, 0, "alone").await, through(&world, 1, "alone").await), (SHARE, SHARE));
    assert!(world.edge(0).metric("edge_rate_limit_local_total").await.unwrap() >= f64::from(SHARE));

    world.redis().start().await;
    let mut number = 0;
    eventually!({
        number += 1;
        let subject = format!("later-{number}");
        through(&world, 0, &subject).await + through(&world, 1, &subject).await == SHARE
    });
    assert!(world.edge(0).metric("edge_rate_limited_total{limit=\"reservations\"}").await.unwrap() > 0.0);
}
