//! `onhand bench` against an edge that stands still, for a while or for good.

use std::time::Duration;

use onhand_harness::{World, eventually};

/// A caller that waits for its answers sends nothing meanwhile, and would time four slow ones. Here
/// what was due meanwhile counts, with the time that it waited.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_due_while_the_edge_stood_still_counts_as_slow() {
    let world = World::start().ready().await;
    world.catalogue(10, 1).await;
    let edge = world.edge(0);
    let url = edge.url();
    let load = world.bench(&url, None, "--count 10 --rate 100 --for 5s --warmup 0s --connections 4 --pause 1ms");
    let stand_still = async {
        eventually!(edge.metric("edge_lookups_total{source=\"l1\"}").await.unwrap_or_default() > 0.0);
        edge.freeze();
        tokio::time::sleep(Duration::from_secs(2)).await; // the fault's length
        edge.thaw();
    };
    let (load, ()) = tokio::join!(load, stand_still);
    assert_eq!(load.due(), 500.0, "each request that was due is accounted for");
    let p90 = load.micros("lookup", "p90");
    assert!(p90 > 1_000_000.0, "200 of 500 waited, a hundred of them for a second or more; p90 is {p90} µs");
}

/// Figures of nothing would look like figures.
#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_answers_nothing_is_an_error() {
    let world = World::start().ready().await;
    let edge = world.edge(0);
    edge.freeze();
    let mut bench = tokio::process::Command::new(world.binary());
    let bench =
        bench.args(["bench", "--edge", &edge.url(), "--rate", "10", "--count", "1", "--for", "1s", "--warmup", "0s"]);
    let ended = bench.output().await.unwrap();
    edge.thaw();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success() && told.contains("nothing that was due after --warmup was answered"), "{told}");
}
