//! The ledger alone tells the rows; nobody changes it.

use onhand_origin::{
    command::Command,
    store::{LedgerCheck, Rebuilt, Table},
};
use serde_json::json;

use crate::shop::{Shop, sku};

/// Quantities, policies, a deletion, a row that came back, holds open and closed.
async fn eventful(shop: &Shop) {
    for place in ["a", "b"] {
        shop.location(place, 1, json!({})).await;
        for name in ["x", "y", "it's 100%\\"] {
            shop.count(name, place, 10).await;
        }
    }
    shop.policy("x", json!({"safety_stock": 2, "backorder_limit": 5})).await;
    shop.policy("x", json!({"location": "a", "low_stock_at": 3, "restock_at": "2027-01-31"})).await;
    shop.policy("x", json!({"location": "b", "safety_stock": 0})).await;
    shop.policy("y", json!({"low_stock_at": 7})).await;
    shop.done(Command::DeleteItem(sku("y"))).await;
    shop.count("y", "a", 4).await; // at b it stays deleted
    let held = shop.hold_one("x", 3).await.unwrap();
    shop.hold_one("it's 100%\\", 2).await.unwrap();
    shop.verb(held.id, "confirm", json!({})).await.unwrap();
    shop.verb(held.id, "fulfil", json!({})).await.unwrap();
}

async fn verify(shop: &Shop) -> LedgerCheck {
    shop.store.verify_ledger(3, &|_, _| ()).await.unwrap()
}

pub(crate) async fn rows_are_rebuilt_from_the_ledger_alone(shop: Shop) {
    eventful(&shop).await;
    let (before, deleted) = (shop.fact("x", "a").await, shop.fact("y", "b").await);
    assert!(deleted.deleted && before.restock_at.is_some() && before.low_stock_at == 3, "{before:?}");
    assert_eq!(shop.store.rebuild_rows(&Table::rows()).await.unwrap(), Rebuilt::NotEmpty(6));
    let beside: Table = "rows_anew".parse().unwrap();
    assert_eq!(shop.store.rebuild_rows(&beside).await.unwrap(), Rebuilt::Done { rows: 6, differences: 0 });
    assert_eq!(shop.store.rebuild_rows(&beside).await.unwrap(), Rebuilt::NotEmpty(6));
    shop.sql("DELETE FROM inventory_items").await.unwrap();
    assert_eq!(verify(&shop).await.faults, 6, "a row is missing for each key");
    assert_eq!(shop.store.rebuild_rows(&Table::rows()).await.unwrap(), Rebuilt::Done { rows: 6, differences: 0 });
    assert_eq!((shop.fact("x", "a").await, shop.fact("y", "b").await), (before, deleted), "versions and all");
    shop.agrees().await;
    shop.hold_one("x", 1).await.unwrap();
    shop.agrees().await;
}

pub(crate) async fn what_does_not_agree_is_named(shop: Shop) {
    eventful(&shop).await;
    let clean = verify(&shop).await;
    assert_eq!((clean.faults, clean.rows), (0, 6));
    let faults = [
        ("UPDATE inventory_items SET on_hand = on_hand + 1 WHERE sku = 'x' AND location = 'a'", "quantities"),
        ("UPDATE inventory_items SET low_stock_at = 4 WHERE sku = 'x' AND location = 'b'", "policy"),
        ("UPDATE inventory_items SET seq = seq + 1 WHERE sku = 'y' AND location = 'b'", "seq"),
        ("DELETE FROM inventory_items WHERE sku = 'y' AND location = 'a'", "there is no row"),
    ];
    for (count, (spoil, told)) in faults.iter().enumerate() {
        shop.sql(spoil).await.unwrap();
        let check = verify(&shop).await;
        assert_eq!(check.faults, count as u64 + 1, "{spoil}: {check:?}");
        assert_eq!(check.first.len(), (count + 1).min(3));
        assert!(count > 2 || check.first.iter().any(|fault| fault.what.contains(told)), "{told}: {check:?}");
    }
    let forged = "INSERT INTO ledger (at, actor, kind, sku, location, on_hand_before, on_hand_after, reserved_before,
            reserved_after, seq, correlation)
        SELECT at, actor, kind, sku, location, 99, on_hand_after, reserved_before, reserved_after, seq, correlation
        FROM ledger WHERE id = (SELECT max(id) FROM ledger WHERE sku = 'it''s 100%\\')";
    shop.sql(forged).await.unwrap();
    let check = verify(&shop).await;
    assert_eq!(check.faults, 6, "its start and its seq: {check:?}");
    assert!(check.first.iter().any(|fault| fault.what.starts_with("it starts from 99 on hand")), "{check:?}");
    let beside: Table = "rows_anew".parse().unwrap();
    let rebuilt = shop.store.rebuild_rows(&beside).await.unwrap();
    assert_eq!(rebuilt, Rebuilt::Done { rows: 6, differences: 4 }, "as many rows as were spoilt");
}

pub(crate) async fn the_ledger_is_append_only(shop: Shop) {
    eventful(&shop).await;
    for change in
        ["UPDATE ledger SET on_hand_after = 0", "DELETE FROM ledger", "UPDATE ledger SET actor = '' WHERE id = 1"]
    {
        let refused = shop.sql(change).await.unwrap_err();
        assert!(refused.contains("append-only"), "{change}: {refused}");
    }
    if shop.is_postgres() {
        assert!(shop.sql("TRUNCATE ledger").await.unwrap_err().contains("append-only"));
    }
    shop.agrees().await;
}

/// A line says the policy where it changed, and only there.
pub(crate) async fn lines_tell_a_changed_policy(shop: Shop) {
    eventful(&shop).await;
    let lines = shop.store.ledger(&sku("x"), None, None, 100).await.unwrap();
    let told: Vec<_> = lines.iter().filter(|line| line.policy.is_some()).map(|line| line.kind.as_str()).collect();
    assert_eq!(told, ["policy"; 4], "two locations, then one and one");
    let newest = lines.iter().find_map(|line| line.policy.clone()).unwrap();
    assert_eq!((newest.safety_stock, newest.backorder_limit), (0, 5));
    let lines = shop.store.ledger(&sku("y"), None, None, 100).await.unwrap();
    let deleted: Vec<_> = lines.iter().filter_map(|line| line.policy.as_ref().map(|policy| policy.deleted)).collect();
    assert_eq!(deleted, [false, true, true, false, false], "came back at one location: newest first");
}

pub(crate) fn names_of_tables() {
    for bad in ["", "a b", "x;drop", "Ledger", "1a", "ü", &"a".repeat(64)] {
        assert!(bad.parse::<Table>().is_err(), "{bad}");
    }
    assert!("rows_2027".parse::<Table>().is_ok() && !"rows_2027".parse::<Table>().unwrap().is_rows());
}
