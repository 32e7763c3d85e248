//! Orders: taken in once, decided in their line's order, paid by the attempt that is under way.

use std::{sync::Arc, time::Duration};

use onhand_origin::{
    answer::WriteOutcome,
    command::{Ask, Command, DecideOrder, Paid, SettleOrder},
    key::CallDigest,
    store::{
        notifications::Attempt,
        orders::{Fault, Intake, NewOrder, OrderQuery, TakenIn},
        replays::{NewReplay, ReplayRow, ReplayState},
    },
    trail::{Kind, Line},
};
use onhand_wire::{
    Code, Timestamp,
    order::{Lane, OrderRecord, OrderState},
    quote::Total,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::Shop;

const TOPIC: &str = "t-1";
const LONG: Duration = Duration::from_secs(600);

fn record(sku: &str, quantity: i64) -> OrderRecord {
    let body = json!({"lines": [{"sku": sku, "quantity": quantity}], "order_ref": "ref"}).to_string();
    let now = Timestamp::from(chrono::Utc::now());
    OrderRecord {
        v: OrderRecord::V,
        id: Uuid::now_v7(),
        subject: "shop".to_owned(),
        owner: None,
        key: "k".to_owned(),
        digest: "d".to_owned(),
        accepted_at: now,
        decide_by: now.plus(LONG),
        amount: Some(Total { amount: 250 * quantity, currency: "GBP".to_owned() }),
        correlation: "c-1".to_owned(),
        order: onhand_wire::request::read(body.as_bytes()).unwrap(),
    }
}

fn at(record: &OrderRecord, offset: i64) -> NewOrder {
    NewOrder {
        id: record.id,
        partition: 3,
        offset,
        subject: record.subject.clone(),
        owner: None,
        digest: record.digest.clone(),
        sku: record.order.first_sku().to_owned(),
        order_ref: record.order.order_ref.clone(),
        accepted_at: record.accepted_at,
        decide_by: record.decide_by,
        record: record.encode(),
        fault: None,
    }
}

async fn take_in(shop: &Shop, orders: Vec<NewOrder>, next: i64) -> TakenIn {
    take_in_after(shop, orders, vec![], next).await
}

async fn take_in_after(shop: &Shop, orders: Vec<NewOrder>, after: Vec<(i32, i64)>, next: i64) -> TakenIn {
    let intake = Intake { lane: Lane::High, topic: TOPIC.to_owned(), orders, after, next: vec![(3, next)] };
    shop.store.take_in(&intake).await.unwrap()
}

/// Whoever read on while a commit was lost with its primary must not leave a hole.
pub(crate) async fn nothing_is_taken_in_beyond_a_hole(shop: Shop) {
    let [one, two] = [1, 1].map(|quantity| record("x", quantity));
    let behind = TakenIn { behind: true, ..TakenIn::default() };
    assert_eq!(take_in_after(&shop, vec![at(&two, 1)], vec![(3, 1)], 2).await, behind);
    assert!(shop.store.order(two.id).await.unwrap().is_none());
    assert_eq!(take_in_after(&shop, vec![at(&one, 0), at(&two, 1)], vec![], 2).await, new(2));
    let three = record("x", 1);
    assert_eq!(take_in_after(&shop, vec![at(&three, 2)], vec![(3, 3)], 3).await, behind);
    assert_eq!(take_in_after(&shop, vec![at(&three, 2)], vec![(3, 2)], 3).await, new(1));
    assert_eq!(take_in_after(&shop, vec![at(&three, 2)], vec![(3, 2)], 3).await, new(0), "another one was faster");
}

fn new(new: usize) -> TakenIn {
    TakenIn { new, ..TakenIn::default() }
}

fn decide(shop: &Shop, record: &OrderRecord, pays: bool) -> Ask {
    let order = DecideOrder { record: Arc::new(record.clone()), reservation: Uuid::now_v7(), pays };
    Ask { key: String::new(), ..shop.ask("/", &Value::Null, Command::Order(Box::new(order))) }
}

fn outcome(outcome: &WriteOutcome) -> Value {
    serde_json::from_str(&outcome.as_ref().unwrap().body).unwrap()
}

async fn state(shop: &Shop, record: &OrderRecord) -> OrderState {
    shop.store.order(record.id).await.unwrap().unwrap().state
}

pub(crate) async fn each_record_is_taken_in_once(shop: Shop) {
    let orders: Vec<OrderRecord> = (0..4).map(|_| record("x", 1)).collect();
    let rows = |from: usize, to: usize| (from..to).map(|n| at(&orders[n], n as i64)).collect::<Vec<_>>();
    assert_eq!(take_in(&shop, rows(0, 2), 2).await, new(2));
    assert_eq!(take_in(&shop, rows(0, 2), 2).await, new(0), "behind its position nothing is read again");
    assert_eq!(take_in(&shop, rows(1, 3), 3).await, new(1), "a reader that woke late");
    assert_eq!(take_in(&shop, rows(0, 1), 1).await, new(0));
    assert_eq!(shop.store.lane_positions(Lane::High, TOPIC).await.unwrap(), [(3, 3)], "it never moves back");
    assert_eq!(shop.store.lane_positions(Lane::Low, TOPIC).await.unwrap(), []);
    let other = OrderRecord { digest: "another body".to_owned(), ..orders[0].clone() };
    let again = vec![at(&orders[1], 3), at(&other, 4), at(&orders[3], 5)];
    assert_eq!(take_in(&shop, again, 6).await, TakenIn { new: 1, repeated: 1, reused: 1, behind: false });
    assert_eq!(shop.store.order(orders[0].id).await.unwrap().unwrap().digest, "d", "the first one stands");
    let fault = Fault { cause: "undecodable", text: "no order".to_owned() };
    let poison = NewOrder { id: Uuid::now_v7(), record: vec![0xc1], fault: Some(fault), ..at(&orders[3], 6) };
    assert_eq!(take_in(&shop, vec![poison], 7).await, new(1));
    let letters = shop.store.unsent_letters(10).await.unwrap();
    assert_eq!((letters.len(), letters[0].record.as_slice()), (1, &[0xc1][..]));
    shop.store.letters_sent(&[letters[0].id]).await.unwrap();
    assert!(shop.store.unsent_letters(10).await.unwrap().is_empty());
    let lanes = shop.store.lane_rows().await.unwrap();
    assert_eq!((lanes[0].lane, lanes[0].undecided, lanes[0].partitions[0].next), (Lane::High, 4, 7));
    let found = OrderQuery { order_ref: Some("ref".to_owned()), limit: 3, ..OrderQuery::default() };
    let page = shop.store.orders(&found).await.unwrap();
    assert!(page.len() == 3 && page.windows(2).all(|two| two[0].seq > two[1].seq), "newest first");
}

pub(crate) async fn an_order_is_decided_only_as_the_next_of_its_line(shop: Shop) {
    shop.location("a", 0, json!({})).await;
    shop.count("x", "a", 3).await;
    shop.count("y", "a", 3).await;
    let [one, two, three] = [1, 2, 1].map(|quantity| record("x", quantity));
    let other = record("y", 1);
    take_in(&shop, vec![at(&one, 0), at(&two, 1), at(&three, 2), at(&other, 3)], 4).await;
    let early = shop.run(decide(&shop, &two, false)).await.unwrap_err();
    assert_eq!(early.code, Code::InProgress, "{early:?}");
    assert_eq!(state(&shop, &two).await, OrderState::Queued);
    // Another SKU's line is its own; and within one batch the line moves on.
    let done =
        shop.batch(&[decide(&shop, &other, false), decide(&shop, &one, false), decide(&shop, &two, false)]).await;
    assert!(done.iter().all(|done| outcome(done)["state"] == "confirmed"), "{done:?}");
    let again = shop.run(decide(&shop, &one, false)).await;
    assert_eq!(outcome(&again)["state"], "confirmed", "decided before: nothing more happens");
    assert_eq!(outcome(&shop.run(decide(&shop, &three, false)).await)["state"], "sold_out");
    assert_eq!(shop.fact("x", "a").await.reserved, 3);
    assert_eq!(shop.fact("y", "a").await.reserved, 1);
    shop.agrees().await;
}

pub(crate) async fn what_is_set_aside_leaves_its_line(shop: Shop) {
    shop.location("a", 0, json!({})).await;
    shop.count("x", "a", 3).await;
    let [one, two] = [1, 1].map(|quantity| record("x", quantity));
    take_in(&shop, vec![at(&one, 0), at(&two, 1)], 2).await;
    let fault = Fault { cause: "open_units", text: "too many".to_owned() };
    assert!(shop.store.set_order_aside(one.id, &fault, Some(Duration::ZERO)).await.unwrap());
    assert_eq!(outcome(&shop.run(decide(&shop, &two, false)).await)["state"], "confirmed");
    let again = shop.store.orders_again(10).await.unwrap();
    assert_eq!(again.iter().map(|order| (order.id, order.attempts)).collect::<Vec<_>>(), [(one.id, 1)]);
    assert!(shop.store.set_order_aside(one.id, &fault, None).await.unwrap());
    assert_eq!(state(&shop, &one).await, OrderState::DeadLettered);
    assert!(!shop.store.set_order_aside(two.id, &fault, None).await.unwrap(), "what is decided stays");
    // A batch that had it in hand comes too late.
    assert_eq!(outcome(&shop.run(decide(&shop, &one, false)).await)["state"], "dead_lettered");
    assert_eq!(shop.fact("x", "a").await.reserved, 1);
    assert_eq!(replay(&shop, &[&one]).await.replayed, 1);
    assert_eq!(outcome(&shop.run(decide(&shop, &one, false)).await)["state"], "confirmed");
    let late = replay(&shop, &[&one]).await;
    assert_eq!((late.state, late.replayed, late.left), (ReplayState::Done, 0, 1), "what was decided meanwhile stays");
    shop.agrees().await;
}

fn line(kind: Kind) -> Line {
    Line { actor: "tester".to_owned(), kind, what: "dlq".to_owned(), detail: json!({}), correlation: String::new() }
}

fn of(records: &[&OrderRecord]) -> NewReplay {
    let orders = records.iter().map(|record| record.id).collect();
    NewReplay { id: Uuid::now_v7(), cause: None, rate: None, canary: None, orders, hopeless: 0 }
}

async fn begin(shop: &Shop, replay: &NewReplay) -> ReplayRow {
    shop.store.begin_replay(replay, &line(Kind::OrdersReplayed)).await.unwrap();
    step(shop, replay).await
}

async fn step(shop: &Shop, replay: &NewReplay) -> ReplayRow {
    shop.store.step_replays(LONG).await.unwrap();
    shop.store.replay(replay.id).await.unwrap().unwrap()
}

async fn replay(shop: &Shop, records: &[&OrderRecord]) -> ReplayRow {
    begin(shop, &of(records)).await
}

async fn dead(shop: &Shop, record: &OrderRecord) {
    let fault = Fault { cause: "open_units", text: "too many".to_owned() };
    assert!(shop.store.set_order_aside(record.id, &fault, None).await.unwrap());
}

pub(crate) async fn a_replay_goes_on_step_by_step(shop: Shop) {
    shop.location("a", 0, json!({})).await;
    shop.count("x", "a", 9).await;
    let orders: Vec<OrderRecord> = (0..6).map(|_| record("x", 1)).collect();
    take_in(&shop, (0..).zip(&orders).map(|(offset, order)| at(order, offset)).collect(), 6).await;
    for order in &orders {
        dead(&shop, order).await;
    }
    let all: Vec<&OrderRecord> = orders.iter().collect();
    // Two first; the rest waits for what becomes of them.
    let careful = NewReplay { canary: Some(2), hopeless: 3, ..of(&all) };
    let begun = begin(&shop, &careful).await;
    assert_eq!((begun.state, begun.replayed, begun.waiting, begun.hopeless), (ReplayState::Canary, 2, 4, 3));
    assert_eq!(begun.outcomes["queued"], 2, "{begun:?}");
    assert_eq!(step(&shop, &careful).await.replayed, 2, "they are not decided yet");
    assert_eq!(outcome(&shop.run(decide(&shop, &orders[0], false)).await)["state"], "confirmed");
    dead(&shop, &orders[1]).await;
    let halted = step(&shop, &careful).await;
    assert_eq!((halted.state, halted.replayed), (ReplayState::Halted, 2), "one is a dead letter again");
    assert_eq!(state(&shop, &orders[2]).await, OrderState::DeadLettered);
    // Again, and all is well.
    let again = NewReplay { canary: Some(1), ..of(&all[1..]) };
    assert_eq!(begin(&shop, &again).await.replayed, 1);
    assert_eq!(outcome(&shop.run(decide(&shop, &orders[1], false)).await)["state"], "confirmed");
    // One is given up meanwhile.
    let given_up = shop.store.discard_orders(&[orders[5].id], "enough", &line(Kind::OrdersDiscarded)).await.unwrap();
    assert_eq!(given_up, [orders[5].id]);
    let done = step(&shop, &again).await;
    assert_eq!((done.state, done.replayed, done.left, done.waiting), (ReplayState::Done, 4, 1, 0));
    assert!(done.ended_at.is_some() && done.outcomes["queued"] == 3, "{done:?}");
    // Fewer than the canary asks for, and none of them is dead any more.
    let few = begin(&shop, &NewReplay { canary: Some(5), ..of(&all[..2]) }).await;
    assert_eq!((few.state, few.left), (ReplayState::Canary, 2));
    let few = shop.store.step_replays(LONG).await.map(|_| few.id).unwrap();
    assert_eq!(shop.store.replay(few).await.unwrap().unwrap().state, ReplayState::Done);
    // At a rate that lets one go, and stopped.
    for order in &orders[2..5] {
        dead(&shop, order).await;
    }
    let slow = NewReplay { rate: Some(0.01), ..of(&all[2..5]) };
    assert_eq!(begin(&shop, &slow).await.replayed, 1);
    assert_eq!(step(&shop, &slow).await.replayed, 1);
    shop.store.stop_replay(slow.id, &line(Kind::ReplayStopped)).await.unwrap();
    let stopped = step(&shop, &slow).await;
    assert_eq!((stopped.state, stopped.replayed, stopped.waiting), (ReplayState::Stopped, 1, 2));
    assert!(shop.store.replay(Uuid::now_v7()).await.unwrap().is_none());
    shop.agrees().await;
}

/// One for each target, made by the change itself; a target that is not configured gets none.
pub(crate) async fn a_decision_makes_a_notice_for_each_target(shop: Shop) {
    shop.location("a", 0, json!({})).await;
    shop.count("x", "a", 1).await;
    let [untold, one, two] = [1, 1, 1].map(|quantity| record("x", quantity));
    let poison =
        NewOrder { fault: Some(Fault { cause: "undecodable", text: String::new() }), ..at(&record("x", 1), 3) };
    take_in(&shop, vec![at(&untold, 0), at(&one, 1), at(&two, 2)], 3).await;
    dead(&shop, &untold).await;
    let targets = ["http://a", "http://b"].map(str::to_owned);
    shop.store.notify_of_orders(&targets).await.unwrap();
    take_in(&shop, vec![poison.clone()], 4).await;
    shop.batch(&[decide(&shop, &one, false), decide(&shop, &two, false)]).await;
    for target in &targets {
        let taken = shop.store.take_notices(target, 10, LONG).await.unwrap();
        let mut told: Vec<_> =
            taken.iter().map(|notice| (notice.order, notice.state.as_str(), notice.reason.as_deref())).collect();
        let mut expected = vec![
            (poison.id, "dead_lettered", Some("undecodable")),
            (one.id, "confirmed", None),
            (two.id, "sold_out", Some("insufficient_stock")),
        ];
        told.sort();
        expected.sort();
        assert_eq!(told, expected);
        let confirmed = taken.iter().find(|notice| notice.order == one.id).unwrap();
        assert!(confirmed.reservation.is_some() && confirmed.order_ref.as_deref() == Some("ref"), "{confirmed:?}");
        assert!(shop.store.take_notices(target, 10, LONG).await.unwrap().is_empty(), "leased");
        let attempts = [Attempt::Acknowledged, Attempt::Again(Duration::ZERO), Attempt::GivenUp];
        let attempts: Vec<_> = taken.into_iter().zip(attempts).collect();
        shop.store.settle_notices(&attempts).await.unwrap();
        let again = shop.store.take_notices(target, 10, LONG).await.unwrap();
        assert_eq!(
            again.iter().map(|notice| (notice.order, notice.attempts)).collect::<Vec<_>>(),
            [(attempts[1].0.order, 2)]
        );
    }
    let waits = shop.store.undelivered_notices().await.unwrap();
    assert_eq!((waits.pending, waits.failed), (2, 2));
    // What is no longer configured is given up in its time, and what was given up is forgotten in its own.
    shop.store.notify_of_orders(&targets[..1]).await.unwrap();
    assert_eq!(shop.store.give_up_other_notices(&targets[..1], LONG).await.unwrap(), 0);
    assert_eq!(shop.store.give_up_other_notices(&targets[..1], Duration::ZERO).await.unwrap(), 1);
    shop.store.forget_notices(Duration::ZERO).await.unwrap();
    let waits = shop.store.undelivered_notices().await.unwrap();
    assert_eq!((waits.pending, waits.failed), (1, 0));
    shop.agrees().await;
}

async fn settle(shop: &Shop, record: &OrderRecord, attempt: i32, reservation: Uuid, paid: Paid) -> Value {
    let settle = SettleOrder { order: record.id, attempt, reservation, paid };
    let digest = [u8::try_from(attempt).unwrap(); 32];
    let ask = shop.ask("/", &Value::Null, Command::Settle(settle));
    outcome(&shop.run(Ask { key: String::new(), digest: CallDigest { now: digest, before: None }, ..ask }).await)
}

pub(crate) async fn a_payment_counts_only_under_the_attempt_that_is_under_way(shop: Shop) {
    shop.location("a", 0, json!({})).await;
    shop.count("x", "a", 3).await;
    let order = record("x", 2);
    take_in(&shop, vec![at(&order, 0)], 1).await;
    assert_eq!(outcome(&shop.run(decide(&shop, &order, true)).await)["state"], "processing");
    let reservation = shop.store.order(order.id).await.unwrap().unwrap().reservation_id.unwrap();
    let first = shop.store.take_payments(10, LONG).await.unwrap();
    assert_eq!((first.len(), first[0].attempt, first[0].voids, first[0].amount), (1, 1, false, 500));
    assert!(shop.store.take_payments(10, LONG).await.unwrap().is_empty(), "leased");
    let (held, _) = shop.store.reservation(reservation, &onhand_wire::Sees::All).await.unwrap().unwrap();
    assert_eq!((held.expires_at, shop.fact("x", "a").await.reserved), (None, 2), "held without a deadline");
    for verb in ["extend", "confirm", "cancel"] {
        let body = if verb == "extend" { json!({"ttl_s": 60}) } else { json!({}) };
        let refused = shop.verb(reservation, verb, body).await.unwrap_err();
        assert_eq!(refused.code, Code::ReservationState, "{verb}: its payment is under way");
    }
    assert!(shop.store.due(10).await.unwrap().ids.is_empty(), "the sweeper does not mind it");
    assert_eq!(settle(&shop, &order, 1, reservation, Paid::Unknown).await["state"], "dead_lettered");
    assert_eq!(shop.fact("x", "a").await.reserved, 0, "given back");
    assert_eq!(settle(&shop, &order, 1, reservation, Paid::Approved).await["state"], "dead_lettered", "too late");
    let waits = of(&[&order]);
    let begun = begin(&shop, &waits).await;
    assert_eq!((begun.replayed, begun.waiting), (0, 1), "its void is not acknowledged");
    let void = shop.store.take_payments(10, LONG).await.unwrap();
    assert_eq!((void.len(), void[0].attempt, void[0].voids), (1, 1, true));
    shop.store.payment_voided(&void[0]).await.unwrap();
    assert_eq!(step(&shop, &waits).await.replayed, 1);
    assert_eq!(outcome(&shop.run(decide(&shop, &order, true)).await)["state"], "processing");
    let again = shop.store.order(order.id).await.unwrap().unwrap().reservation_id.unwrap();
    assert_eq!(shop.store.take_payments(10, LONG).await.unwrap()[0].attempt, 2, "a key of its own");
    assert_eq!(settle(&shop, &order, 1, reservation, Paid::Approved).await["state"], "processing", "another attempt's");
    assert_eq!(settle(&shop, &order, 2, again, Paid::Approved).await["state"], "confirmed");
    assert_eq!(settle(&shop, &order, 2, again, Paid::Declined).await["state"], "confirmed", "settled is settled");
    assert_eq!(shop.fact("x", "a").await.reserved, 2);
    shop.agrees().await;
}
