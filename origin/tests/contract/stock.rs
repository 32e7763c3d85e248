//! Counts, adjustments, transfers, items, the ledger.

use onhand_origin::{
    command::{Ask, Command},
    decide::decide_all,
    store::{Needs, StoreError},
};
use onhand_rules::Rules;
use onhand_wire::{Code, Problem, Sku, bulk::LoadFacts};
use serde_json::{Value, json};

use crate::shop::{Shop, sku};

async fn attempt(shop: &Shop, command: Command) -> Result<Value, Problem> {
    let ask = shop.ask("/", &json!(format!("{command:?}")), command);
    shop.run(ask).await.map(|answer| serde_json::from_str(&answer.body).unwrap())
}

fn set(body: Value) -> Command {
    Command::SetStock(sku("x"), serde_json::from_value(body).unwrap())
}

fn adjust(delta: i64) -> Command {
    let body = json!({"location": "a", "delta": delta, "kind": "damaged", "reason": "r"});
    Command::Adjust(sku("x"), serde_json::from_value(body).unwrap())
}

fn transfer(quantity: i64) -> Command {
    let body = json!({"sku": "x", "from": "a", "to": "b", "quantity": quantity, "reason": "r"});
    Command::Transfer(serde_json::from_value(body).unwrap())
}

async fn stocked(shop: &Shop) {
    shop.location("a", 1, json!({})).await;
    shop.location("b", 2, json!({})).await;
    shop.count("x", "a", 10).await;
}

pub(crate) async fn counts_adjustments_and_transfers(shop: Shop) {
    stocked(&shop).await;
    let version = shop.fact("x", "a").await.version.to_string();
    let stale = json!({"location": "a", "quantity": 1, "reason": "r", "expected_version": "1.999"});
    let problem = attempt(&shop, set(stale)).await.unwrap_err();
    assert_eq!(
        (problem.code, &problem.members["version"], &problem.members["on_hand"]),
        (Code::VersionMismatch, &json!(version), &json!(10))
    );
    let good =
        json!({"location": "a", "quantity": 12, "reason": "r", "expected_version": version, "expected_on_hand": 10});
    assert_eq!(attempt(&shop, set(good)).await.unwrap()["facts"][0]["on_hand"], 12);
    assert_eq!(attempt(&shop, adjust(-13)).await.unwrap_err().code, Code::InsufficientStock);
    assert_eq!(attempt(&shop, adjust(-2)).await.unwrap()["on_hand"], 10);
    shop.hold_one("x", 4).await.unwrap();
    let problem = attempt(&shop, transfer(7)).await.unwrap_err();
    assert_eq!((problem.code, &problem.members["lines"][0]["available"]), (Code::InsufficientStock, &json!(6)));
    attempt(&shop, transfer(6)).await.unwrap();
    assert_eq!((shop.fact("x", "a").await.on_hand, shop.fact("x", "b").await.on_hand), (4, 6));
    let nowhere = json!({"location": "mars", "quantity": 1, "reason": "r"});
    assert_eq!(attempt(&shop, set(nowhere)).await.unwrap_err().code, Code::UnknownLocation);
    shop.agrees().await;
}

pub(crate) async fn versions_rise_over_deletion(shop: Shop) {
    stocked(&shop).await;
    let before = shop.fact("x", "a").await;
    attempt(&shop, Command::DeleteItem(sku("x"))).await.unwrap();
    let gone = shop.fact("x", "a").await;
    assert!(gone.deleted && gone.version > before.version && gone.on_hand == 0);
    assert_eq!(shop.hold_one("x", 1).await.unwrap_err().code, Code::UnknownSku);
    shop.count("x", "a", 3).await;
    let back = shop.fact("x", "a").await;
    assert!(!back.deleted && back.version > gone.version);
    shop.agrees().await;
}

pub(crate) async fn an_item_in_use_is_not_deleted(shop: Shop) {
    stocked(&shop).await;
    let held = shop.hold_one("x", 1).await.unwrap();
    assert_eq!(attempt(&shop, Command::DeleteItem(sku("x"))).await.unwrap_err().code, Code::InUse);
    shop.verb(held.id, "cancel", json!({})).await.unwrap();
    attempt(&shop, Command::DeleteItem(sku("x"))).await.unwrap();
}

pub(crate) async fn the_ledger_adds_up(shop: Shop) {
    stocked(&shop).await;
    attempt(&shop, adjust(-3)).await.unwrap();
    let held = shop.hold_one("x", 2).await.unwrap();
    let lines = shop.store.ledger(&sku("x"), None, None, 10).await.unwrap();
    let newest = &lines[0];
    assert_eq!((newest.kind.as_str(), newest.reservation, newest.actor.as_str()), ("hold", Some(held.id), "tester"));
    assert_eq!((newest.before.reserved, newest.after.reserved), (0, 2));
    assert_eq!((lines[1].kind.as_str(), lines[1].before.on_hand, lines[1].after.on_hand), ("damaged", 10, 7));
    let older = shop.store.ledger(&sku("x"), None, Some(newest.id), 1).await.unwrap();
    assert_eq!(older[0].id, lines[1].id);
    shop.agrees().await;
}

pub(crate) async fn maintenance_stops_writes_only(shop: Shop) {
    stocked(&shop).await;
    let on = |on: bool| {
        Command::Maintain(serde_json::from_value(json!({"maintenanceMode": on, "message": "back at 9"})).unwrap())
    };
    shop.done(on(true)).await;
    let problem = shop.hold_one("x", 1).await.unwrap_err();
    assert_eq!((problem.code, &problem.members["message"]), (Code::Maintenance, &json!("back at 9")));
    assert_eq!(shop.facts("x").await.len(), 1, "reads go on");
    shop.done(on(false)).await;
    shop.hold_one("x", 1).await.unwrap();
}

/// A new item has no row to lock: whoever is overtaken begins again, and comes second.
pub(crate) async fn two_batches_make_the_same_items(shop: Shop) {
    let names: Vec<_> = (0..50).map(|number| sku(&format!("n{number:02}"))).collect();
    let mut overtaken = 0;
    for _ in 0..20 {
        let (mine, theirs) = tokio::join!(make(&shop, &names, "mine"), make(&shop, &names, "theirs"));
        overtaken += mine + theirs;
        let made = shop.store.load_facts(&LoadFacts { skus: names.clone(), without: None }).await.unwrap();
        let seqs: Vec<u64> = made.stocks.iter().map(|stock| stock.item.as_ref().unwrap().version.seq()).collect();
        assert_eq!(seqs, [2; 50]);
        shop.sql("DELETE FROM products").await.unwrap();
    }
    assert!(overtaken > 0 || !shop.is_postgres(), "they never met");
}

/// How often it was overtaken before it had made them.
async fn make(shop: &Shop, names: &[Sku], name: &str) -> u32 {
    let rules = Rules::none();
    let item = |sku: &Sku| Command::PutItem(sku.clone(), serde_json::from_value(json!({"name": name})).unwrap());
    let asks: Vec<Ask> = names.iter().map(|sku| shop.ask("/", &json!(sku), item(sku))).collect();
    let asks: Vec<&Ask> = asks.iter().collect();
    let mut times = 0;
    loop {
        let needs = Needs { skus: names.iter().cloned().collect(), ..Needs::default() };
        match shop.store.batch(needs, &mut |state| drop(decide_all(state, &asks, &rules))).await {
            Ok(_) => return times,
            Err(StoreError::Overtaken(_)) => times += 1,
            Err(error) => panic!("{error}"),
        }
    }
}
