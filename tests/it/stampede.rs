//! Ten thousand callers at once: one load for a cold SKU, few loads for ten thousand cold SKUs.

use std::process::Stdio;

use onhand_harness::World;
use serde_json::Value;

const CALLERS: usize = 10_000;

/// The callers are a process of their own, built beside this one.
async fn stampede(world: &World, sku: &[&str]) -> Value {
    let program = world.binary().with_file_name("stampede");
    assert!(program.is_file(), "cargo build --workspace --bins   ({} is missing)", program.display());
    let address = world.edge(0).url().trim_start_matches("http://").to_owned();
    let mut command = tokio::process::Command::new(program);
    command.arg(address).arg(CALLERS.to_string()).args(sku).stdout(Stdio::piped()).kill_on_drop(true);
    let done = command.spawn().unwrap().wait_with_output().await.unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn loads(world: &World) -> (f64, f64) {
    let metric = async |name| world.edge(0).metric(name).await.unwrap();
    (metric("edge_origin_loads_total").await, metric("edge_origin_load_skus_total").await)
}

/// Without a second tier: what L1 does not have, the origin is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_make_few_loads() {
    // The first callers wait, silent, until the last has connected: on a busy machine that takes a while.
    let world = World::start().env("ONHAND_EDGE__REDIS__URL", "").env("ONHAND_HTTP__HEADER_TIMEOUT", "120s");
    // And this is about how often the origin is asked, not how fast it is.
    let world = world.env("ONHAND_EDGE__ORIGIN__TIMEOUT", "30s");
    // They all come from one address, whose share of SKUs to wait for is half of those asked for below.
    let world = world.env("ONHAND_EDGE__LIMITS__MISSES_PER_CALLER", "0").ready().await;
    world.location("a", 0).await;
    let rows: String = (0..CALLERS).map(|number| format!("s-{number},a,5,Item\n")).collect();
    let csv = format!("sku,location,quantity,name\ncold,a,7,Cold\n{rows}");
    let admin = world.origin(0).client(&world.tokens.admin);
    let import = admin.call("POST".parse().unwrap(), "/inventory/imports?create=true").body("text/csv", csv);
    assert_eq!(import.send().await.expect(200).json()["applied"], CALLERS + 1);

    let before = loads(&world).await;
    let one = stampede(&world, &["cold"]).await;
    println!("{CALLERS} callers for one cold SKU: {one}");
    assert_eq!((one["answers"].as_u64(), one["failed"].as_u64()), (Some(CALLERS as u64), Some(0)), "{one}");
    let after = loads(&world).await;
    assert_eq!((after.0 - before.0, after.1 - before.1), (1.0, 1.0), "one load of one SKU");

    let each = stampede(&world, &[]).await;
    let (batches, skus) = (loads(&world).await.0 - after.0, loads(&world).await.1 - after.1);
    println!("{CALLERS} cold SKUs at once: {each}; {skus} SKUs in {batches} loads");
    assert_eq!((each["answers"].as_u64(), each["failed"].as_u64()), (Some(CALLERS as u64), Some(0)), "{each}");
    assert_eq!(skus, CALLERS as f64, "each SKU once");
    assert!(batches <= CALLERS as f64 / 5.0, "{batches} loads for {CALLERS} SKUs");
}
