//! What breaks without the relay's order: a watermark that is ahead of its facts by one round makes
//! edges claim what they do not show, and the checker says so.

use std::time::Duration;

use onhand_harness::{World, eventually};

use super::load::{Load, seed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watermarks_a_round_too_early_are_reported() {
    let world = World::start().edges(1).env("ONHAND_TEST_EARLY_WATERMARKS", "1").ready().await;
    let skus = seed(&world).await;
    let edge = world.edge(0).anonymous();
    eventually!(edge.get(&format!("/v1/availability/{}", skus.last().unwrap())).await.status == 200);
    let load = Load::start(&world, skus, 4);
    let found = async |load: &Load| load.shared.checker.figures().violations > 0;
    eventually!(Duration::from_secs(90), found(&load).await, "is {} a debug build?", world.binary().display());
    let report = load.end().await.checker.report();
    println!("{report}");
    assert!(report.first.iter().all(|violation| violation.rule == "unearned"), "no node goes back: {report}");
}
