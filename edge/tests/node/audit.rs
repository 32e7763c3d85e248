//! The node's own answers, compared with the origin: what the auditor makes of faults that are planted.

use onhand_wire::{Fact, Timestamp, event::Change};

use crate::world::{World, fact};

async fn world() -> World {
    let world = World::start_with(|config| config.audit.per_s = 200).await;
    world.store(changed_now(&world, 5, 1));
    assert_eq!(world.available("a").await, 5);
    world
}

/// Changed at the origin's present moment, so that nothing is late yet.
fn changed_now(world: &World, on_hand: i64, seq: u64) -> Fact {
    let changed_at = world.origin.with(|state| Timestamp::from_micros(state.now));
    Fact { changed_at, ..fact("a", "eu-1", on_hand, seq) }
}

async fn counted(world: &World, verdict: &str) -> f64 {
    world.gauge(&format!("edge_audit_answers_total{{verdict=\"{verdict}\"}}")).await.expect("it counts")
}

/// Lookups, and watermarks that let time go by, until the verdict has been counted so often.
async fn until_counted(world: &World, verdict: &str, times: f64) {
    let asked = async || {
        world.get("/v1/availability/a").await;
        world.post("/v1/availability/query", &[], r#"{"skus":["a","none"]}"#).await;
        world.watermark();
        counted(world, verdict).await >= times
    };
    world.eventually(verdict, asked).await;
}

#[tokio::test]
async fn quiet_answers_agree_and_the_nines_grow() {
    let world = world().await;
    for seq in 2..12 {
        let change = changed_now(&world, seq as i64, seq);
        world.store(change.clone());
        world.publish(Change::Fact(change));
        until_counted(&world, "agreement", (seq * 3) as f64).await;
    }
    assert_eq!(counted(&world, "violation").await, 0.0);
    let (agreements, nines) = (counted(&world, "agreement").await, world.gauge("edge_audit_nines").await.unwrap());
    assert!(nines > 1.4 && nines <= (agreements + 10.0).log10(), "{nines} nines of {agreements}");
}

/// The origin changed and the feed never said so, although its watermarks go on: the promise is broken.
#[tokio::test]
async fn a_change_that_the_feed_left_out_is_a_violation() {
    let world = world().await;
    world.store(changed_now(&world, 4, 2));
    until_counted(&world, "violation", 1.0).await;
    assert!(world.gauge("edge_audit_nines").await.unwrap() < 1.5);
}

/// Older than the origin while the feed is on its way: no agreement yet, and no violation ever.
#[tokio::test]
async fn an_answer_that_lags_is_settled_when_the_feed_has_come() {
    let world = world().await;
    until_counted(&world, "agreement", 1.0).await;
    let change = changed_now(&world, 4, 2);
    world.store(change.clone());
    let before = counted(&world, "agreement").await;
    for _ in 0..20 {
        assert_eq!(world.available("a").await, 5, "nothing has come by the feed");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.publish(Change::Fact(change));
    until_counted(&world, "agreement", before + 5.0).await;
    assert_eq!(counted(&world, "violation").await, 0.0);
}

/// One version of one key has one content.
#[tokio::test]
async fn another_content_at_the_same_version_is_a_violation() {
    let world = world().await;
    world.origin.with(|state| state.stocks.get_mut("a").unwrap().facts[0].on_hand = 7);
    until_counted(&world, "violation", 1.0).await;
}

/// The node's own answer is ahead: the origin went back, or the node was told what never was.
#[tokio::test]
async fn a_version_that_the_origin_never_gave_is_a_violation() {
    let world = world().await;
    world.publish(Change::Fact(fact("a", "eu-1", 9, 9)));
    until_counted(&world, "violation", 1.0).await;
}

#[tokio::test]
async fn an_origin_that_is_gone_decides_nothing() {
    let world = world().await;
    world.origin.with(|state| state.broken = true);
    until_counted(&world, "undecided", 1.0).await;
    assert_eq!(counted(&world, "violation").await, 0.0);
}
