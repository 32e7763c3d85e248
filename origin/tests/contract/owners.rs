//! Whose a reservation is: others do not see it, their keys are others, and none may hold too much.

use std::{sync::Arc, time::Duration};

use onhand_origin::{
    Limits,
    answer::{WriteAnswer, WriteOutcome, answer_all},
    command::Ask,
    state::BatchState,
    store::{Needs, Store},
};
use onhand_rules::Rules;
use onhand_wire::{Code, Problem, Sees, bulk::LoadFacts};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Shop, reservation, sku};

const VERBS: [&str; 5] = ["extend", "confirm", "cancel", "fulfil", "return"];

async fn stocked(shop: &Shop) {
    shop.location("a", 1, json!({})).await;
    shop.count("x", "a", 1000).await;
}

fn of(owner: &str, ask: Ask) -> Ask {
    Ask { owner: Some(owner.to_owned()), sees: Sees::Of(owner.to_owned()), ..ask }
}

fn units(shop: &Shop, quantity: i64) -> Ask {
    shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": quantity}]}))
}

fn body(verb: &str) -> Value {
    match verb {
        "extend" => json!({"ttl_s": 60}),
        "return" => json!({"lines": [{"line": 0, "quantity": 1}]}),
        _ => json!({}),
    }
}

pub(crate) async fn another_owners_reservation_does_not_exist(shop: Shop) {
    stocked(&shop).await;
    let held = reservation(&shop.run(of("shop-a", units(&shop, 3))).await.unwrap());
    let (stranger, unknown) = (Sees::Of("shop-b".to_owned()), Uuid::now_v7());
    for verb in VERBS {
        let theirs = shop.run(of("shop-b", shop.verb_ask(held.id, verb, body(verb)))).await.unwrap_err();
        let nobodys = shop.run(of("shop-b", shop.verb_ask(unknown, verb, body(verb)))).await.unwrap_err();
        assert_eq!((theirs.code, &theirs), (Code::NotFound, &nobodys), "{verb}");
    }
    // In one batch with its owner's own call it is read, and is not there for the stranger all the same.
    let both = [("shop-a", 61), ("shop-b", 62)]
        .map(|(owner, ttl_s)| of(owner, shop.verb_ask(held.id, "extend", json!({"ttl_s": ttl_s}))));
    let both = shop.batch(&both).await;
    assert!(both[0].is_ok() && both[1].as_ref().unwrap_err().code == Code::NotFound, "{both:?}");
    assert_eq!(shop.fact("x", "a").await.reserved, 3, "nothing was moved");

    assert!(shop.store.reservation(held.id, &stranger).await.unwrap().is_none());
    for sees in [Sees::All, Sees::Of("shop-a".to_owned())] {
        let (record, _) = shop.store.reservation(held.id, &sees).await.unwrap().unwrap();
        assert_eq!((record.id, record.owner.as_deref()), (held.id, Some("shop-a")));
    }
    let named = |owner: Option<&str>| (held.id, owner.map(str::to_owned));
    let skus = shop.store.skus_of(&[named(Some("shop-b")), named(Some("shop-a")), named(None)]).await.unwrap();
    assert!(skus.contains_key(&named(None)) && skus.contains_key(&named(Some("shop-a"))) && skus.len() == 2);

    let reserved = async |sees: Option<Sees>| {
        let load = LoadFacts { skus: vec![sku("x")], without: Some(held.id), sees };
        shop.store.load_facts(&load).await.unwrap().stocks[0].facts[0].reserved
    };
    assert_eq!(reserved(Some(Sees::All)).await, 0);
    assert_eq!(reserved(Some(Sees::Of("shop-a".to_owned()))).await, 0);
    assert_eq!(reserved(Some(stranger)).await, 3);
    assert_eq!(reserved(None).await, 3, "an edge that does not say for whom it asks");
    shop.agrees().await;
}

/// Fulfilment and operators act for everybody, and what has no owner is theirs alone.
pub(crate) async fn who_sees_all_moves_all(shop: Shop) {
    stocked(&shop).await;
    let held = reservation(&shop.run(of("shop-a", units(&shop, 3))).await.unwrap());
    shop.verb(held.id, "confirm", json!({})).await.unwrap();
    shop.verb(held.id, "fulfil", json!({})).await.unwrap();
    let nobodys = reservation(&shop.run(units(&shop, 1)).await.unwrap());
    let asked = shop.run(of("shop-a", shop.verb_ask(nobodys.id, "cancel", json!({})))).await;
    assert_eq!(asked.unwrap_err().code, Code::NotFound);
    // With a claim of its own, a token that sees all makes what that owner sees.
    let made = Ask { sees: Sees::All, ..of("shop-a", units(&shop, 1)) };
    let made = reservation(&shop.run(made).await.unwrap());
    shop.run(of("shop-a", shop.verb_ask(made.id, "cancel", json!({})))).await.unwrap();
    shop.agrees().await;
}

pub(crate) async fn one_subjects_keys_are_others_for_another_owner(shop: Shop) {
    stocked(&shop).await;
    let with_key = |key: &str, quantity: i64| {
        let mut ask = units(&shop, quantity);
        key.clone_into(&mut ask.key);
        ask
    };
    let ask = of("shop-a", with_key("same", 2));
    let first = shop.run(ask.clone()).await.unwrap();
    let second = shop.run(of("shop-b", with_key("same", 2))).await.unwrap();
    assert!(!second.replayed && reservation(&first).id != reservation(&second).id, "not the first one's answer");
    let again = shop.run(ask).await.unwrap();
    assert!(again.replayed && reservation(&again).id == reservation(&first).id);
    assert!(!shop.run(with_key("same", 2)).await.unwrap().replayed, "nor is it the subject's own without an owner");
    // That a key was used for another call is for its own owner to know.
    assert!(shop.run(of("shop-c", with_key("same", 7))).await.is_ok());
    let reused = shop.run(of("shop-a", with_key("same", 7))).await.unwrap_err();
    assert_eq!(reused.code, Code::IdempotencyKeyReused);
}

const LIMIT: i64 = 10;

fn limits() -> Limits {
    Limits { max_open_units: Some(LIMIT), max_ttl: Some(Duration::from_secs(900)) }
}

async fn limited(shop: &Shop, ask: Ask) -> WriteOutcome {
    shop.batch_within(limits(), &[ask]).await.pop().unwrap()
}

fn refused(outcome: WriteOutcome) -> (Code, Value, Value) {
    let Problem { code, members, .. } = outcome.expect_err("beyond the limit");
    (code, members["limit"].clone(), members["open"].clone())
}

pub(crate) async fn open_units_end_at_the_limit(shop: Shop) {
    stocked(&shop).await;
    let hold = async |owner: &str, quantity: i64| limited(&shop, of(owner, units(&shop, quantity))).await;
    let first: WriteAnswer = hold("shop-a", 6).await.unwrap();
    assert_eq!(refused(hold("shop-a", 5).await), (Code::RateLimited, json!(LIMIT), json!(6)));
    hold("shop-a", 4).await.unwrap();
    assert_eq!(refused(hold("shop-a", 1).await), (Code::RateLimited, json!(LIMIT), json!(10)));
    hold("shop-b", 10).await.unwrap();
    limited(&shop, units(&shop, 10)).await.expect("without an owner it is the subject's own limit");
    assert_eq!(refused(limited(&shop, units(&shop, 1)).await).0, Code::RateLimited);

    // Confirmed counts, shipped does not, and neither does what is given back.
    let id = reservation(&first).id;
    let line = |quantity: i64| json!({"lines": [{"line": 0, "quantity": quantity}]});
    shop.verb(id, "confirm", line(5)).await.unwrap();
    assert_eq!(refused(hold("shop-a", 2).await).2, json!(9));
    shop.verb(id, "fulfil", line(2)).await.unwrap();
    assert_eq!(refused(hold("shop-a", 4).await).2, json!(7));
    shop.verb(id, "cancel", json!({})).await.unwrap();
    assert_eq!(refused(hold("shop-a", 7).await).2, json!(4));

    // `partial` counts what it gets.
    let some = json!({"lines": [{"sku": "x", "quantity": 5000}], "policy": "partial"});
    assert_eq!(refused(limited(&shop, of("shop-c", shop.hold_ask(some))).await).2, json!(0));
    shop.count("y", "a", 9).await;
    let some = json!({"lines": [{"sku": "y", "quantity": 5000}], "policy": "partial"});
    limited(&shop, of("shop-c", shop.hold_ask(some))).await.unwrap();

    // In one batch, too: each sees what the ones before it took.
    let four = [3, 3, 3, 3].map(|quantity| of("shop-d", units(&shop, quantity)));
    let held = shop.batch_within(limits(), &four).await;
    assert_eq!(held.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, false]);
    shop.agrees().await;
}

pub(crate) async fn what_has_expired_is_not_open(shop: Shop) {
    stocked(&shop).await;
    let short = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 10}], "ttl_s": 60}));
    let dead = reservation(&limited(&shop, short).await.unwrap());
    assert_eq!(refused(limited(&shop, units(&shop, 1)).await).2, json!(10));
    let now = shop.store.load_facts(&LoadFacts::default()).await.unwrap().at;
    shop.turn_clock_to(now.plus(Duration::from_secs(61))).await;
    // Not swept yet, and on another SKU than the dead hold's, so that this batch does not release it either.
    shop.count("y", "a", 10).await;
    limited(&shop, shop.hold_ask(json!({"lines": [{"sku": "y", "quantity": 10}]}))).await.unwrap();
    assert_eq!(refused(limited(&shop, units(&shop, 1)).await).2, json!(10));
    // Swept, it is taken off once, not twice; in the batch of its sweep it was not counted either.
    let sweep = [shop.verb_ask(dead.id, "expire", json!({})), units(&shop, 1)];
    let swept = shop.batch_within(limits(), &sweep).await;
    assert!(swept[0].is_ok() && refused(swept[1].clone()).2 == json!(10), "{swept:?}");
    assert_eq!(refused(limited(&shop, units(&shop, 1)).await).2, json!(10));
    shop.store.drop_keys_older_than(Duration::from_secs(3600)).await.unwrap();
    assert_eq!(refused(limited(&shop, units(&shop, 1)).await).2, json!(10), "only who has nothing open is forgotten");
    shop.agrees().await;
}

pub(crate) async fn a_hold_lasts_no_longer_than_it_may(shop: Shop) {
    stocked(&shop).await;
    let hold = |ttl_s: u32| shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 1}], "ttl_s": ttl_s}));
    let long = limited(&shop, hold(901)).await.unwrap_err();
    assert_eq!((long.code, &long.members["field"]), (Code::InvalidRequest, &json!("ttl_s")));
    assert!(long.detail.contains("900 s"), "it states the limit: {}", long.detail);
    let ask = hold(900);
    let held = reservation(&limited(&shop, ask.clone()).await.unwrap());
    let extend = |ttl_s: u32| shop.verb_ask(held.id, "extend", json!({"ttl_s": ttl_s}));
    assert_eq!(limited(&shop, extend(901)).await.unwrap_err().members["field"], "ttl_s");
    limited(&shop, extend(900)).await.unwrap();
    // What was answered before the limit was lowered is answered so again.
    let lower = Limits { max_ttl: Some(Duration::from_secs(60)), ..Limits::default() };
    assert!(shop.batch_within(lower, &[ask]).await.pop().unwrap().unwrap().replayed);
}

/// Without turns, each of two replicas reads what is open before the other has committed, and both
/// hold: 100 calls of one unit end with more than ten held.
pub(crate) async fn a_hundred_holds_at_once_cannot_pass_the_limit(shop: Shop) {
    stocked(&shop).await;
    for number in 0..100 {
        shop.count(&format!("s{number}"), "a", 1).await; // SKUs of their own: no row's lock keeps them apart
    }
    let replicas: Vec<Arc<dyn Store>> = match shop.is_postgres() {
        true => vec![shop.store.clone(), Arc::new(shop.postgres_store())],
        false => vec![shop.store.clone()],
    };
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let ask = shop.hold_ask(json!({"lines": [{"sku": format!("s{number}"), "quantity": 1}]}));
        let store = replicas[number % replicas.len()].clone();
        calls.spawn(async move { alone(&*store, of("shop-a", ask)).await.is_ok() });
    }
    let held = calls.join_all().await.into_iter().filter(|held| *held).count();
    assert_eq!(held as i64, LIMIT);
    shop.agrees().await;
}

async fn alone(store: &dyn Store, ask: Ask) -> WriteOutcome {
    let needs = Needs {
        skus: ask.command.skus().into_iter().collect(),
        holders: [ask.holder()].into(),
        keys: vec![ask.kept_under()],
        ..Needs::default()
    };
    let mut outcomes = Vec::new();
    let decide = &mut |state: &mut BatchState| {
        state.limits = limits();
        outcomes = answer_all(state, &[&ask], &Rules::none());
    };
    store.batch(needs, decide).await.unwrap();
    outcomes.pop().unwrap()
}
