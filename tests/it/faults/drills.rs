//! Every line of the fault table, on real servers, under load, with the checker running.
//!
//! In `make test` each fault lasts two seconds; `make drills` sets ONHAND_DRILL_SECONDS.

use std::time::Duration;

use onhand_harness::{Clock, Node, Process, World, eventually};
use reqwest::Method;
use serde_json::json;

use super::{
    books::PROBE,
    records,
    stage::{Over, Stage},
};

/// A fault has shown by then.
const SHOWS: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_every_fault_nothing_is_claimed_that_is_not_so() {
    let mut stage = Stage::open().await;
    origins(&mut stage).await;
    postgres(&mut stage).await;
    kafka(&mut stage).await;
    redis(&mut stage).await;
    edges(&mut stage).await;
    records(&mut stage).await;
    clocks(&mut stage).await;
    stage.close().await;
}

async fn origins(stage: &mut Stage) {
    stage
        .drill("the leading origin killed by -9 in mid-batch", Over::Live, async |stage| {
            let leader = leader(&stage.world).await;
            leader.kill();
            stage.lasts().await;
            leader.start().await;
        })
        .await;
}

async fn leader(world: &World) -> &Node {
    for _ in 0..200 {
        for origin in world.origins() {
            if leads(origin).await {
                return origin;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no relay leads");
}

async fn leads(origin: &Node) -> bool {
    let page = origin.management().get("/metrics").await.text();
    page.lines().any(|line| line.starts_with("origin_relay_leading{") && line.ends_with(" 1"))
}

async fn postgres(stage: &mut Stage) {
    stage
        .drill("PostgreSQL killed and restarted", Over::Live, async |stage| {
            stage.world.postgres().kill();
            refuses_writes(&stage.world).await;
            stage.lasts().await;
            stage.world.postgres().start().await;
        })
        .await;
    stage
        .drill("PostgreSQL's connections cut, and cut again", Over::Live, async |stage| {
            let way = &stage.world.links().origins_postgres;
            way.drop_connections();
            way.cut();
            stage.lasts().await;
            way.heal();
        })
        .await;
    stage
        .drill("PostgreSQL's answers lost on the way", Over::Live, async |stage| {
            let way = &stage.world.links().origins_postgres;
            way.black_hole();
            refuses_writes(&stage.world).await;
            stage.lasts().await;
            way.heal();
        })
        .await;
    stage
        .drill("statements hang behind a lock", Over::Live, async |stage| {
            let by_hand = stage.world.postgres().client(stage.world.database()).await;
            // What a batch writes and a relay's round reads.
            by_hand.batch_execute("BEGIN; LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE").await.unwrap();
            refuses_writes(&stage.world).await;
            stage.lasts().await;
            by_hand.batch_execute("ROLLBACK").await.unwrap();
        })
        .await;
    stage
        .drill("PostgreSQL frozen by SIGSTOP", Over::Live, async |stage| {
            stage.world.postgres().freeze();
            stage.lasts().await;
            stage.world.postgres().thaw();
        })
        .await;
}

/// A write is told so, with what to do, instead of being kept waiting.
async fn refuses_writes(world: &World) {
    for node in [world.edge(1), world.origin(0)] {
        let key = uuid::Uuid::new_v4().to_string();
        let call = node.client(&world.tokens.storefront).call(Method::POST, "/v1/reservations").key(&key);
        let body = json!({"lines": [{"sku": PROBE, "quantity": 1}], "order_ref": PROBE});
        let call = call.header("onhand-timeout-ms", "1500").json(body);
        let began = std::time::Instant::now();
        let told = call.send().await;
        assert!(matches!(told.status, 503 | 504), "{}", told.text());
        assert_eq!(told.json()["retry"], "same_key");
        assert!(told.header("retry-after").is_some());
        println!("  {}: {} {} after {:.1?}", node.name(), told.status, told.code(), began.elapsed());
    }
}

async fn kafka(stage: &mut Stage) {
    stage
        .drill("Kafka killed, and back", Over::Live, async |stage| {
            let world = &stage.world;
            world.kafka().kill();
            eventually!(SHOWS, mode(world.edge(0)).await == 1 && mode(world.edge(1)).await == 1);
            eventually!(SHOWS, outbox_grows(world).await);
            // Writes go on all the while.
            let before = stage.load.last();
            stage.lasts().await;
            eventually!(stage.load.last() > before);
            world.kafka().start().await;
        })
        .await;
    stage
        .drill("network cut between origins and Kafka", Over::Live, async |stage| {
            let world = &stage.world;
            world.links().origins_kafka.cut();
            eventually!(SHOWS, mode(world.edge(0)).await == 1 && mode(world.edge(1)).await == 1);
            stage.lasts().await;
            world.links().origins_kafka.heal();
        })
        .await;
    stage
        .drill("origins' words to Kafka lost on the way", Over::Live, async |stage| {
            stage.world.links().origins_kafka.black_hole();
            stage.lasts().await;
            stage.world.links().origins_kafka.heal();
        })
        .await;
}

/// 0 live, 1 catching up, 2 stale, 3 unavailable.
async fn mode(edge: &Node) -> i64 {
    edge.metric("edge_mode").await.expect("a mode") as i64
}

async fn outbox_grows(world: &World) -> bool {
    world.sql("SELECT count(*) FROM outbox").await[0].get::<_, i64>(0) > 3
}

async fn redis(stage: &mut Stage) {
    stage
        .drill("Redis killed, and back empty", Over::Live, async |stage| {
            stage.world.redis().kill();
            stage.lasts().await;
            stage.world.redis().start().await;
        })
        .await;
    stage
        .drill("Redis slow by 500 ms", Over::Live, async |stage| {
            stage.world.links().edges_redis.delay(Duration::from_millis(500));
            stage.lasts().await;
            stage.world.links().edges_redis.heal();
        })
        .await;
    stage
        .drill("Redis flushed, ten times", Over::Live, async |stage| {
            let mut redis = stage.world.redis_client().await;
            for _ in 0..10 {
                redis::cmd("FLUSHALL").exec_async(&mut redis).await.expect("Redis flushes");
                tokio::time::sleep(stage.length / 10).await;
            }
        })
        .await;
}

async fn edges(stage: &mut Stage) {
    stage
        .drill("an edge paused by SIGSTOP, and woken", Over::Live, async |stage| {
            stage.world.edge(0).freeze();
            stage.lasts().await;
            stage.world.edge(0).thaw();
        })
        .await;
    stage
        .drill("network cut between an edge and the origins", Over::Live, async |stage| {
            let ways = &stage.world.links().edge_origins;
            ways.iter().for_each(|way| way.cut());
            stage.lasts().await;
            // The feed goes on: what is cached is live.
            eventually!(SHOWS, mode(stage.world.edge(0)).await == 0);
            ways.iter().for_each(|way| way.heal());
        })
        .await;
    stage
        .drill("an edge's words to the origins lost on the way", Over::Live, async |stage| {
            let ways = &stage.world.links().edge_origins;
            ways.iter().for_each(|way| way.black_hole());
            stage.lasts().await;
            ways.iter().for_each(|way| way.heal());
        })
        .await;
    stage
        .drill("network cut between an edge and Kafka", Over::Live, async |stage| {
            let world = &stage.world;
            world.links().edge_kafka.cut();
            eventually!(SHOWS, mode(world.edge(0)).await == 1);
            stage.lasts().await;
            // It has a way of its own. A busy machine may be slow for a moment.
            eventually!(SHOWS, mode(world.edge(1)).await == 0);
            world.links().edge_kafka.heal();
        })
        .await;
    stage
        .drill("an edge cut off from origins and Kafka", Over::Live, async |stage| {
            let world = &stage.world;
            let ways = world.links().edge_origins.iter().chain([&world.links().edge_kafka]);
            ways.clone().for_each(|way| way.cut());
            eventually!(SHOWS, mode(world.edge(0)).await == 2);
            stage.lasts().await;
            ways.for_each(|way| way.heal());
        })
        .await;
}

async fn records(stage: &mut Stage) {
    stage
        .drill("records doubled and in another order", Over::Live, async |stage| {
            let began = std::time::Instant::now();
            let mut again = 0;
            while again == 0 || began.elapsed() < stage.length {
                again += records::again(&stage.world).await;
            }
            println!("  {again} records produced again");
        })
        .await;
    stage
        .drill("records delayed by 300 ms, and in bursts", Over::Live, async |stage| {
            let way = &stage.world.links().edge_kafka;
            way.delay(Duration::from_millis(300));
            for _ in 0..5 {
                way.black_hole();
                tokio::time::sleep(stage.length / 10).await;
                way.heal();
                way.delay(Duration::from_millis(300));
                tokio::time::sleep(stage.length / 10).await;
            }
            way.heal();
        })
        .await;
}

async fn clocks(stage: &mut Stage) {
    let clock = Clock::new().unwrap_or_else(|error| panic!("{error}"));
    let edge = stage.world.edge(1).clone();
    stage
        .drill("an edge's clock jumps by an hour, and back", Over::Live, async |stage| {
            jumps(stage, &edge, &clock, &[3600, -3600, 0]).await;
        })
        .await;
    let origin = stage.world.origin(1).clone();
    stage
        .drill("an origin's clock jumps by an hour, and back", Over::Live, async |stage| {
            jumps(stage, &origin, &clock, &[3600, -3600, 0]).await;
        })
        .await;
    // T never falls, so as-of stays where it is until the clock has caught up; and staleness is measured
    // against the ten minutes before, so edges ask the origin more than they would have to. What is loaded
    // from the origin claims the clock itself, which may be ahead of the last stored T when it falls
    // (docs/proving.md, limits): here the cache alone answers.
    stage.load.answer_from_cache(true);
    let length = i64::try_from(stage.length.as_secs()).unwrap();
    stage
        .drill("PostgreSQL's clock jumps ahead, and back", Over::Passed, async |stage| {
            let postgres: &Process = stage.world.postgres();
            jumps(stage, postgres, &clock, &[length, 0]).await;
        })
        .await;
    stage.load.answer_from_cache(false);
}

/// It lives by a clock that jumps, and at the end by the machine's again.
async fn jumps(stage: &Stage, process: &Process, clock: &Clock, jumps: &[i64]) {
    process.kill();
    process.live_by(Some(clock));
    process.start().await;
    for jump in jumps {
        clock.jump(*jump);
        stage.lasts().await;
    }
    process.kill();
    process.live_by(None);
    process.start().await;
}
