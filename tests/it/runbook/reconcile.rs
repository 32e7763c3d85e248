//! Planted faults are found, and set right through the ledger.

use onhand_harness::{World, eventually};
use serde_json::{Value, json};

use super::{RECONCILE, admin, hold, open, operator, receiver::Receiver, rows};

/// Three faults that no call of Onhand's own can make.
async fn plant(world: &World) {
    for sku in ["count", "held", "row"] {
        world.stock(sku, "a", 20).await;
    }
    hold(world, 3, 600).await;
    world.sql("UPDATE inventory_items SET reserved = 7 WHERE sku = 'x'").await;
    world.sql("UPDATE inventory_items SET on_hand = 25 WHERE sku = 'row'").await;
}

fn totals(report: &Value) -> [i64; 3] {
    ["counts", "reservations", "ledger"].map(|name| report["totals"][name].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_faults_are_found_and_set_right() {
    let world = open(World::start()).await;
    plant(&world).await;
    let body = |mode: &str| {
        json!({"mode": mode, "counts": [
            {"sku": "count", "location": "a", "on_hand": 18},
            {"sku": "held", "location": "a", "on_hand": 20},
            {"sku": "nobody", "location": "a", "on_hand": 1},
            {"sku": "held", "location": "mars", "on_hand": 1},
        ]})
    };
    let before = rows(&world).await;
    let report = operator(&world).post(RECONCILE, body("report")).await.expect(200).json();
    assert_eq!(rows(&world).await, before, "a report writes nothing");
    assert_eq!(totals(&report), [1, 1, 2], "{report}");
    assert_eq!((&report["checked"], &report["counts"]), (&json!(4), &json!(4)));
    let count = json!({"comparison": "counts", "sku": "count", "location": "a",
        "expected": {"on_hand": 18, "reserved": 0}, "found": {"on_hand": 20, "reserved": 0}});
    assert_eq!(report["differences"][0], count);
    assert_eq!(report["differences"][1]["expected"], json!({"on_hand": 10, "reserved": 3}));
    let codes = json!([{"sku": "nobody", "location": "a", "code": "unknown_sku"},
        {"sku": "held", "location": "mars", "code": "unknown_location"}]);
    assert_eq!(report["unknown"], json!({"total": 2, "items": codes}));

    let apply = async |key: &str| {
        admin(&world).call("POST".parse().unwrap(), RECONCILE).key(key).json(body("apply")).send().await
    };
    let applied = apply("k-1").await.expect(200);
    assert_eq!(applied.json()["corrected"]["total"], 3, "{}", applied.text());
    assert!(applied.header("onhand-session").is_some() && applied.header("onhand-as-of").is_some());
    let again = apply("k-1").await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), applied.json()));
    let other = admin(&world).call("POST".parse().unwrap(), RECONCILE).key("k-1").json(json!({"mode": "apply"}));
    assert_eq!(other.send().await.expect(422).code(), "idempotency_key_reused");

    for (sku, kind, on_hand, reserved) in
        [("count", "reconcile_count", 18, 0), ("x", "reconcile_reserved", 10, 3), ("row", "reconcile_ledger", 20, 0)]
    {
        let ledger = operator(&world).get(&format!("/inventory/products/{sku}/ledger")).await.expect(200).json();
        let line = &ledger["items"][0];
        assert_eq!((line["kind"].as_str(), &line["actor"]), (Some(kind), &json!("admin")), "{line}");
        assert_eq!(line["after"], json!({"on_hand": on_hand, "reserved": reserved}), "{line}");
        assert_eq!(line["before"], ledger["items"][1]["after"], "the ledger goes on from itself");
        assert!(line["reason"].is_string(), "{line}");
    }
    let after = operator(&world).post(RECONCILE, json!({})).await.expect(200).json();
    assert_eq!(totals(&after), [0, 0, 0], "{after}");
    assert!(after["counts"].is_null() && after["note"].is_string(), "{after}");
    let edge = world.edge(0).anonymous();
    eventually!(edge.get("/v1/availability/x").await.json()["available"] == 7);
    eventually!(edge.get("/v1/availability/row").await.json()["available"] == 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_come_from_the_warehouse_system() {
    let counts = json!({"counts": [{"sku": "x", "location": "a", "on_hand": 12}]}).to_string();
    let warehouse = Receiver::start(move || (200, "application/json", counts.clone())).await;
    let builder = World::start().edges(0).env("ONHAND_ORIGIN__WAREHOUSE__URL", &warehouse.url);
    let world = open(builder.env("ONHAND_ORIGIN__WAREHOUSE__TOKEN", "wms-token")).await;
    let call = admin(&world).call("POST".parse().unwrap(), RECONCILE);
    let report = call.send().await.expect(200).json();
    assert_eq!(totals(&report), [1, 0, 0], "an empty body asks the warehouse system: {report}");
    assert_eq!(warehouse.received()[0].header("authorization"), "Bearer wms-token");

    let line = r#"{"sku":"x","location":"a","on_hand":9}"#;
    warehouse.answer_with(move || (200, "application/x-ndjson", format!("{line}\n\n")));
    let applied = admin(&world).post(RECONCILE, json!({"mode": "apply"})).await.expect(200).json();
    assert_eq!(applied["corrected"]["items"][0]["after"]["on_hand"], 9, "{applied}");

    for (status, body) in [(500, ""), (200, "<html>"), (200, r#"{"counts":[{"sku":"x"}]}"#)] {
        let before = rows(&world).await;
        warehouse.answer_with(move || (status, "application/json", body.to_owned()));
        let reply = admin(&world).post(RECONCILE, json!({"mode": "apply"})).await.expect(503);
        assert_eq!(reply.code(), "origin_unavailable");
        assert_eq!(rows(&world).await, before, "nothing written");
    }
}
