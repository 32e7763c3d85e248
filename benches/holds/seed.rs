//! Stock that does not run out, and the check that every hold is there at the end.

use std::fmt::Write;

use onhand_harness::World;
use serde_json::json;

pub(crate) fn sku(number: usize) -> String {
    format!("S{number:06}")
}

pub(crate) async fn stock(world: &World, skus: usize) {
    let admin = world.origin(0).client(&world.tokens.admin);
    admin.put("/inventory/locations/eu-1", json!({"name": "eu-1"})).await.expect(201);
    let mut file = "sku,location,quantity\n".to_owned();
    for number in 0..skus {
        let _ = writeln!(file, "{},eu-1,1000000000", sku(number));
    }
    let import = admin.call(reqwest::Method::POST, "/inventory/imports?create=true").body("text/csv", file);
    import.send().await.expect(200);
}

/// The rows agree with the holds and with the ledger, and the figures are of holds that are there.
pub(crate) async fn verify(world: &World) {
    let operator = world.origin(0).client(&world.tokens.operator);
    let report = operator.post("/internal/api/inventory/reconcile", json!({})).await.expect(200).json();
    assert_eq!(report["differences"].as_array().map(Vec::len), Some(0), "{report}");
    let held: i64 = world.sql("SELECT count(*) FROM reservations").await[0].get(0);
    let answered = crate::caller::answered();
    assert!(held >= answered, "{answered} holds were answered, {held} are there");
    println!("checked: {answered} holds answered, {held} there, rows agree with holds and ledger");
}
