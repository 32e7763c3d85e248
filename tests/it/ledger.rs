//! `onhand ledger` on a world with orders in it.

use std::{process::Command, time::Duration};

use onhand_harness::{World, drill::start_replay, eventually};
use serde_json::json;

/// Exit code 0 or not, and everything said.
fn ledger(world: &World, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(world.binary());
    let output = command.arg("ledger").args(args).env("DATABASE_URL", world.database_url()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

fn succeeds(world: &World, args: &[&str], said: &str) {
    let (success, all) = ledger(world, args);
    assert!(success && all.contains(said), "{args:?} should say {said:?}: {all}");
}

fn refuses(world: &World, args: &[&str], said: &str) {
    let (success, all) = ledger(world, args);
    assert!(!success && all.contains(said), "{args:?} should fail and say {said:?}: {all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_stream_is_rebuilt_from_its_ledger() {
    let world = World::start().edges(2).origins(1).ready().await;
    let more = ["--limit-lines", "1500", "--callers", "8", "--lookers", "1"].map(str::to_owned);
    let status = start_replay(&world, false, &more).unwrap().wait().await.unwrap();
    assert!(status.success(), "the replay's verdict, above: {status}");
    let operator = world.origin(0).client(&world.tokens.operator);
    world.location("extra", 9).await;
    world.stock("x", "extra", 5).await;
    let policy = json!({"location": "extra", "backorder_limit": 3, "restock_at": "2027-01-31"});
    operator.put("/inventory/products/x/policy", policy).await.expect(200);
    world.origin(0).client(&world.tokens.admin).delete("/inventory/products/x").await.expect(200);
    world.stock("x", "extra", 6).await;

    succeeds(&world, &["verify"], ": 0 differences");
    succeeds(&world, &["rebuild", "--into", "rows_anew"], "compared with inventory_items: 0 differences");
    refuses(&world, &["rebuild", "--into", "rows_anew"], "name another table, or drop it first");
    refuses(&world, &["rebuild", "--into", "Rows; DROP"], "a table's name");
    refuses(&world, &["rebuild"], "--yes");
    refuses(&world, &["rebuild", "--yes"], "rows; move them away or use --into NAME");
    world.origin(0).terminate(Duration::from_secs(30)).await;
    world.sql("ALTER TABLE inventory_items RENAME TO rows_before").await;
    world.sql("CREATE TABLE inventory_items (LIKE rows_before INCLUDING ALL)").await;
    refuses(&world, &["verify", "--first", "1"], "… and ");
    succeeds(&world, &["rebuild", "--yes"], "rows rebuilt from the ledger into inventory_items");
    succeeds(&world, &["verify"], ": 0 differences");
    let differ = "SELECT count(*) FROM (SELECT * FROM inventory_items EXCEPT SELECT * FROM rows_before) d";
    assert_eq!(world.sql(differ).await[0].get::<_, i64>(0), 0);

    world.origin(0).start().await;
    world.stock("x", "extra", 7).await;
    eventually!(world.edge(1).anonymous().get("/v1/availability/x").await.json()["available"] == 7);
    succeeds(&world, &["verify"], ": 0 differences");
}
