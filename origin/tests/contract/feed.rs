//! What the relay relies on.

use std::time::Duration;

use onhand_wire::{bulk::LoadFacts, event::Change};
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, sku};

const LEASE: Duration = Duration::from_millis(300);

async fn stocked(shop: &Shop) {
    shop.location("a", 1, json!({})).await;
    shop.count("x", "a", 10).await;
}

/// Deleting by key alone would lose the second hold's fact.
pub(crate) async fn a_row_changed_since_its_round_stays_in_the_outbox(shop: Shop) {
    stocked(&shop).await;
    shop.hold_one("x", 1).await.unwrap();
    let round = shop.store.round(&[]).await.unwrap();
    let kinds: Vec<&str> = round
        .pending
        .iter()
        .map(|pending| match pending {
            Change::Fact(_) => "fact",
            Change::Item(_) => "item",
            Change::Location(_) => "location",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["item", "fact", "location"], "one row a key, items before their facts");
    shop.hold_one("x", 1).await.unwrap();
    let next = shop.store.round(&round.pending).await.unwrap();
    assert_eq!(next.pending.len(), 1);
    assert!(matches!(&next.pending[0], Change::Fact(fact) if fact.reserved == 2));
    shop.store.published(&next.pending).await.unwrap();
    assert!(shop.store.round(&[]).await.unwrap().pending.is_empty());
}

pub(crate) async fn one_relay_leads_until_its_lease_ends(shop: Shop) {
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let t = shop.store.round(&[]).await.unwrap().t;
    assert!(shop.store.heartbeat(first, None, LEASE).await.unwrap().is_some(), "nobody leads yet");
    let beat = shop.store.heartbeat(first, Some(t), LEASE).await.unwrap().unwrap();
    assert!(beat >= t, "S is not before T");
    assert!(shop.store.heartbeat(second, None, LEASE).await.unwrap().is_none());
    assert!(shop.store.heartbeat(first, Some(t), LEASE).await.unwrap().is_some(), "the holder renews");
    tokio::time::sleep(LEASE + Duration::from_millis(50)).await;
    assert!(shop.store.heartbeat(second, None, LEASE).await.unwrap().is_some());
    assert!(shop.store.heartbeat(first, Some(t), LEASE).await.unwrap().is_none(), "the deposed one cannot");
}

/// Invariant 4's half at the origin: what a write's own moment is before, a later T's snapshot has.
pub(crate) async fn a_moment_covers_what_was_committed_before_it(shop: Shop) {
    stocked(&shop).await;
    let mut last = shop.store.round(&[]).await.unwrap().t;
    for held in 1..=5 {
        let ask = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 1}]}));
        let mut decided = Vec::new();
        let rules = onhand_rules::Rules::none();
        let needs =
            onhand_origin::store::Needs { skus: ask.command.skus().into_iter().collect(), ..Default::default() };
        let committed_at = shop
            .store
            .batch(needs, &mut |state| decided = onhand_origin::decide::decide_all(state, &[&ask], &rules))
            .await
            .unwrap();
        let round = shop.store.round(&[]).await.unwrap();
        assert!(last <= committed_at && committed_at <= round.t);
        let fact = round.pending.iter().find_map(|pending| match pending {
            Change::Fact(fact) => Some(fact),
            _ => None,
        });
        assert_eq!(fact.unwrap().reserved, held);
        last = round.t;
    }
}

pub(crate) async fn own_holds_can_be_left_out(shop: Shop) {
    stocked(&shop).await;
    let mine = shop.hold_one("x", 4).await.unwrap();
    shop.hold_one("x", 1).await.unwrap();
    let load = LoadFacts { skus: vec![sku("nothing"), sku("x"), sku("x")], without: Some(mine.id) };
    let loaded = shop.store.load_facts(&load).await.unwrap();
    assert!(!loaded.stocks[0].known());
    assert_eq!(loaded.stocks[1].facts[0].reserved, 1);
    assert_eq!(loaded.stocks[1], loaded.stocks[2], "in the order asked, twice if asked twice");
}

/// The database's moment never falls below the stored T, even where that is ahead of its clock: a
/// hold that is dead by it must give its stock back before its record is closed.
pub(crate) async fn a_hold_dead_by_the_stored_moment_is_released(shop: Shop) {
    stocked(&shop).await;
    let held = shop.hold(json!({"lines": [{"sku": "x", "quantity": 4}], "ttl_s": 60})).await.unwrap();
    let t = shop.store.round(&[]).await.unwrap().t.plus(Duration::from_secs(3600));
    shop.turn_clock_to(t).await;
    assert_eq!(shop.store.due(10).await.unwrap().ids, [held.id]);
    shop.verb(held.id, "expire", json!({})).await.unwrap();
    assert_eq!(shop.fact("x", "a").await.reserved, 0);
    shop.agrees().await;
}
