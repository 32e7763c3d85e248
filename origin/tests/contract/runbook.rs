//! What the runbook relies on: lists of what is low and stuck, crossings told once, rows set right.

use std::time::Duration;

use onhand_origin::{
    command::{Command, Correction},
    record::StockRow,
    state::BatchState,
    store::{
        Difference, Needs,
        notifications::{Attempt, Delivery},
    },
};
use onhand_wire::{Quantity, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Shop, location, sku};

const LEASE: Duration = Duration::from_secs(60);

async fn stocked(shop: &Shop) {
    shop.location("a", 1, json!({})).await;
    shop.count("x", "a", 10).await;
    shop.policy("x", json!({"low_stock_at": 5})).await;
}

async fn low(shop: &Shop) -> Vec<(String, i64, Timestamp)> {
    let low = shop.store.low_stock(None, 10).await.unwrap();
    assert_eq!(shop.store.low_stock_items().await.unwrap(), low.len() as i64);
    low.into_iter().map(|low| (low.sku, low.available, low.since)).collect()
}

pub(crate) async fn what_is_held_most_comes_first(shop: Shop) {
    shop.location("a", 1, json!({})).await;
    shop.location("b", 2, json!({})).await;
    for name in ["p", "q", "r", "s"] {
        shop.count(name, "a", 10).await;
        shop.count(name, "b", 10).await;
    }
    shop.hold_one("r", 15).await.unwrap(); // at both locations
    shop.hold_one("s", 9).await.unwrap();
    let most = async |limit| {
        let skus = shop.store.most_held(limit).await.unwrap();
        skus.iter().map(ToString::to_string).collect::<Vec<_>>().join("")
    };
    assert_eq!((most(1).await, most(3).await, most(10).await), ("r".into(), "rsp".into(), "rspq".to_owned()));
}

pub(crate) async fn what_is_low_is_listed_since_it_crossed(shop: Shop) {
    stocked(&shop).await;
    assert_eq!(low(&shop).await, []);
    let held = shop.hold_one("x", 5).await.unwrap();
    let crossed = shop.fact("x", "a").await.changed_at;
    assert_eq!(low(&shop).await, [("x".to_owned(), 5, crossed)]);
    shop.hold_one("x", 5).await.unwrap();
    assert_eq!(low(&shop).await, [("x".to_owned(), 0, crossed)], "still the same crossing");
    shop.verb(held.id, "cancel", json!({})).await.unwrap();
    shop.policy("x", json!({"low_stock_at": 4})).await;
    assert_eq!(low(&shop).await, [], "a lower threshold is no longer reached");
    shop.policy("x", json!({"low_stock_at": 6})).await;
    assert_eq!(low(&shop).await.len(), 1, "a higher one is");
    shop.count("b", "a", 1).await;
    shop.policy("b", json!({"low_stock_at": 1})).await;
    let page = shop.store.low_stock(None, 1).await.unwrap();
    assert_eq!(page[0].sku, "b", "in order of SKU");
    let next = shop.store.low_stock(Some(("b".to_owned(), "a".to_owned())), 10).await.unwrap();
    assert_eq!(next.iter().map(|low| low.sku.as_str()).collect::<Vec<_>>(), ["x"]);
    shop.done(Command::DeleteItem(sku("b"))).await;
    assert_eq!(low(&shop).await.len(), 1, "a deleted item is not");
}

async fn told(shop: &Shop, targets: &[&str]) -> Vec<Delivery> {
    let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
    while shop.store.make_out_deliveries(&targets, 2).await.unwrap() > 0 {}
    let mut taken = Vec::new();
    for target in &targets {
        taken.extend(shop.store.take_deliveries(target, 100, LEASE).await.unwrap());
    }
    taken
}

fn events(deliveries: &[Delivery]) -> Vec<(&str, &str, i64)> {
    let mut events: Vec<_> =
        deliveries.iter().map(|told| (told.event.as_str(), told.target.as_str(), told.available)).collect();
    events.sort_unstable();
    events
}

pub(crate) async fn a_crossing_is_told_once_to_each_target(shop: Shop) {
    stocked(&shop).await;
    assert_eq!(told(&shop, &["topic"]).await, [], "counted at first is not back in stock");
    shop.hold_one("x", 6).await.unwrap();
    let first = told(&shop, &["topic", "hook"]).await;
    assert_eq!(events(&first), [("low_stock", "hook", 4), ("low_stock", "topic", 4)]);
    assert_eq!(first[0].notification, first[1].notification);
    shop.hold_one("x", 1).await.unwrap();
    assert_eq!(told(&shop, &["topic", "hook"]).await, [], "leased, and not crossed again");
    shop.store
        .settle_deliveries(&[
            (first[0].clone(), Attempt::Acknowledged),
            (first[1].clone(), Attempt::Again(Duration::ZERO)),
        ])
        .await
        .unwrap();
    let again = told(&shop, &["topic", "hook"]).await;
    assert_eq!((again.len(), &again[0].target, again[0].attempts), (1, &first[1].target, 2));
    assert_eq!(again[0].notification, first[0].notification, "the same id in every attempt");
    let both = ["topic".to_owned(), "hook".to_owned()];
    assert_eq!(shop.store.give_up_others(&both, Duration::ZERO).await.unwrap(), 0);
    assert_eq!(shop.store.give_up_others(&[], LEASE).await.unwrap(), 0, "another replica may still know the target");
    shop.store.settle_deliveries(&[(again[0].clone(), Attempt::GivenUp)]).await.unwrap();
    let left = shop.store.undelivered().await.unwrap();
    assert_eq!((left.pending, left.failed), (0, 1));
    shop.store.forget_notifications(LEASE).await.unwrap();
    assert_eq!(shop.store.undelivered().await.unwrap().failed, 1, "kept to be looked at");
    tokio::time::sleep(Duration::from_millis(2)).await;
    shop.store.forget_notifications(Duration::ZERO).await.unwrap();
    assert_eq!(shop.store.undelivered().await.unwrap().failed, 0);
    assert_eq!(told(&shop, &["topic", "hook"]).await, []);
}

/// Crossed several times before anybody looked: one notification, of the latest.
pub(crate) async fn a_flapping_threshold_is_told_once_a_look(shop: Shop) {
    stocked(&shop).await;
    for _ in 0..3 {
        let held = shop.hold_one("x", 10).await.unwrap();
        shop.verb(held.id, "cancel", json!({})).await.unwrap();
    }
    shop.hold_one("x", 7).await.unwrap();
    assert_eq!(shop.store.undelivered().await.unwrap().pending, 2);
    let all = told(&shop, &["topic"]).await;
    assert_eq!(events(&all), [("back_in_stock", "topic", 10), ("low_stock", "topic", 3)]);
    let acknowledged: Vec<_> = all.into_iter().map(|told| (told, Attempt::Acknowledged)).collect();
    shop.store.settle_deliveries(&acknowledged).await.unwrap();
    shop.store.forget_notifications(LEASE).await.unwrap();
    shop.count("x", "a", 7).await;
    shop.count("x", "a", 8).await;
    let back = told(&shop, &["topic"]).await;
    assert_eq!(events(&back), [("back_in_stock", "topic", 1)], "crossed anew, told anew");
    assert_eq!(back[0].seq, shop.fact("x", "a").await.version.seq());
}

pub(crate) async fn stuck_reservations_are_listed(shop: Shop) {
    stocked(&shop).await;
    let held = shop.hold(json!({"lines": [{"sku": "x", "quantity": 1}], "ttl_s": 60})).await.unwrap();
    let confirmed = shop.hold_one("x", 2).await.unwrap();
    shop.verb(confirmed.id, "confirm", json!({})).await.unwrap();
    let shipped = shop.hold_one("x", 1).await.unwrap();
    shop.verb(shipped.id, "confirm", json!({})).await.unwrap();
    shop.verb(shipped.id, "fulfil", json!({})).await.unwrap();
    let hour = Duration::from_secs(3600);
    assert!(shop.store.stuck(hour, None, 10).await.unwrap().is_empty());
    let t = shop.backlog.round(&Default::default()).await.unwrap().t.plus(hour);
    shop.turn_clock_to(t).await;
    let ids = async |after: Duration, beyond: Option<Uuid>, limit: usize| -> Vec<Uuid> {
        shop.store.stuck(after, beyond, limit).await.unwrap().iter().map(|record| record.id).collect()
    };
    let mut both = [held.id, confirmed.id];
    both.sort_unstable();
    assert_eq!(ids(hour / 2, None, 10).await, both);
    assert_eq!(ids(hour / 2, None, 1).await, [both[0]]);
    assert_eq!(ids(hour / 2, Some(both[0]), 10).await, [both[1]]);
    assert_eq!(ids(hour * 2, None, 10).await, [held.id], "not confirmed for that long");
    let record = &shop.store.stuck(hour / 2, Some(both[0]), 1).await.unwrap()[0];
    assert!(record.confirmed_at.is_some_and(|at| at >= record.created_at) || record.id == held.id);
}

/// Changes a row behind the ledger's back.
async fn tamper(shop: &Shop, change: impl Fn(&mut StockRow) + Send + Sync) {
    in_batch(shop, |state| {
        let key = (sku("x"), location("a"));
        let row = state.stock.get_mut(&key.0).unwrap().get_mut(&key.1).unwrap();
        change(row);
        row.seq += 1;
        state.changes.stock.insert(key);
    })
    .await;
}

async fn in_batch(shop: &Shop, mut change: impl FnMut(&mut BatchState) + Send) {
    let needs = Needs { skus: [sku("x")].into(), ..Needs::default() };
    shop.store.batch(needs, &mut |state| change(state)).await.unwrap();
}

fn again(count: Option<i64>) -> Command {
    let count = count.map(|count| Quantity::try_from(count).unwrap());
    Command::Reconcile(vec![Correction { sku: sku("x"), location: location("a"), count }])
}

async fn corrected(shop: &Shop, count: Option<i64>) -> Value {
    let answer = shop.done(again(count)).await;
    serde_json::from_str::<Value>(&answer.body).unwrap()["corrected"].clone()
}

async fn differences(shop: &Shop) -> Vec<Difference> {
    shop.store.compare().await.unwrap().differences
}

async fn levels(shop: &Shop) -> (i64, i64) {
    let fact = shop.fact("x", "a").await;
    (fact.on_hand, fact.reserved)
}

async fn newest(shop: &Shop) -> (String, String) {
    let line = shop.store.ledger(&sku("x"), None, None, 1).await.unwrap().remove(0);
    (line.kind, line.reason.unwrap_or_default())
}

pub(crate) async fn a_planted_fault_is_found_and_set_right(shop: Shop) {
    stocked(&shop).await;
    shop.hold_one("x", 3).await.unwrap();
    assert_eq!(corrected(&shop, Some(10)).await, json!([]), "nothing to do leaves no line");
    let before = shop.fact("x", "a").await.version;

    tamper(&shop, |row| row.reserved = 5).await;
    assert_eq!(differences(&shop).await.len(), 2, "its holds and its ledger say otherwise");
    corrected(&shop, None).await;
    assert_eq!((levels(&shop).await, newest(&shop).await.0.as_str()), ((10, 3), "reconcile_reserved"));
    assert!(newest(&shop).await.1.contains("reserved was 5"), "{:?}", newest(&shop).await);
    shop.agrees().await;

    tamper(&shop, |row| row.on_hand = 12).await;
    corrected(&shop, None).await;
    assert_eq!((levels(&shop).await, newest(&shop).await.0.as_str()), ((10, 3), "reconcile_ledger"));
    shop.agrees().await;

    // A change after the fault goes on from the false row: the last line alone would not show it.
    tamper(&shop, |row| row.on_hand = 20).await;
    shop.hold_one("x", 1).await.unwrap();
    assert_eq!(differences(&shop).await.len(), 1);
    corrected(&shop, None).await;
    assert_eq!(levels(&shop).await, (10, 4));
    shop.agrees().await;

    corrected(&shop, Some(9)).await;
    assert_eq!((levels(&shop).await, newest(&shop).await.0.as_str()), ((9, 4), "reconcile_count"));
    tamper(&shop, |row| (row.on_hand, row.reserved) = (30, 0)).await;
    let shown = corrected(&shop, Some(8)).await;
    assert_eq!(shown[0]["before"], json!({"on_hand": 30, "reserved": 0}));
    assert_eq!(shown[0]["after"], json!({"on_hand": 8, "reserved": 4}));
    assert_eq!(levels(&shop).await, (8, 4));
    shop.agrees().await;
    assert!(shop.fact("x", "a").await.version > before, "edges hear of it");
}

pub(crate) async fn reserved_follows_the_open_reservations(shop: Shop) {
    stocked(&shop).await;
    let held = shop.hold_one("x", 3).await.unwrap();
    let kept = shop.hold_one("x", 2).await.unwrap();
    shop.verb(kept.id, "confirm", json!({})).await.unwrap();
    in_batch(&shop, |state| {
        state.changes.released.push(onhand_origin::record::OpenAllocation {
            reservation: held.id,
            line: 0,
            sku: sku("x"),
            location: location("a"),
            quantity: 3,
            expires_at: None,
        });
    })
    .await;
    assert_eq!(differences(&shop).await.len(), 1);
    // A hold of the same batch counts, and so does a second correction.
    let body = json!({"lines": [{"sku": "x", "quantity": 1}]});
    let asks = [shop.hold_ask(body), shop.ask("/", &json!(1), again(None)), shop.ask("/", &json!(2), again(Some(10)))];
    for outcome in shop.batch(&asks).await {
        outcome.unwrap();
    }
    assert_eq!(levels(&shop).await, (10, 3), "2 confirmed, 1 held just now");
    shop.agrees().await;
}

pub(crate) async fn an_answer_of_many_commands_is_kept(shop: Shop) {
    stocked(&shop).await;
    let call = |command: Command| {
        let mut ask = shop.ask("/whole", &json!({}), command);
        ask.key = "k-1".to_owned();
        ask
    };
    assert_eq!(shop.run(call(Command::Recall)).await.unwrap_err().code, onhand_wire::Code::NotFound);
    shop.run(call(Command::Keep(r#"{"n":1}"#.to_owned()))).await.unwrap();
    let kept = shop.run(call(Command::Recall)).await.unwrap();
    assert!(kept.replayed && kept.body == r#"{"n":1}"#);
    let other = shop.ask("/other", &json!({}), Command::Recall);
    let other = onhand_origin::command::Ask { key: "k-1".to_owned(), ..other };
    assert_eq!(shop.run(other).await.unwrap_err().code, onhand_wire::Code::IdempotencyKeyReused);
}

/// Nothing that is under way when connections are restarted fails.
pub(crate) async fn connections_restart_under_load(shop: Shop) {
    stocked(&shop).await;
    let shop = std::sync::Arc::new(shop);
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let shop = shop.clone();
        work.spawn(async move {
            for _ in 0..25 {
                let held = shop.hold_one("x", 1).await.unwrap();
                shop.fact("x", "a").await;
                shop.verb(held.id, "cancel", json!({})).await.unwrap();
            }
        });
    }
    let mut closed = 0;
    while !work.is_empty() {
        closed += shop.store.restart_connections().await.unwrap();
        let done = tokio::time::timeout(Duration::from_millis(20), work.join_next()).await;
        done.ok().flatten().transpose().unwrap();
    }
    assert_eq!(closed > 0, shop.store.connections().is_some());
    shop.agrees().await;
}
