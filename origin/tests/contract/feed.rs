//! What the relay relies on.

use std::time::Duration;

use onhand_origin::store::{ROWS, Round, Sent};
use onhand_wire::{Sees, bulk::LoadFacts, event::Change};
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, sku};

const LEASE: Duration = Duration::from_millis(300);

async fn stocked(shop: &Shop) {
    shop.location("a", 1, json!({})).await;
    shop.count("x", "a", 10).await;
}

fn changes(round: &Round) -> Vec<&Change> {
    round.pending.iter().flat_map(|row| &row.changes).collect()
}

fn rows(round: &Round) -> Vec<Uuid> {
    round.pending.iter().map(|row| row.id).collect()
}

/// What was published says nothing of what was committed since.
pub(crate) async fn a_batch_since_the_round_stays_in_the_outbox(shop: Shop) {
    stocked(&shop).await;
    shop.hold_one("x", 1).await.unwrap();
    let round = shop.backlog.round(&Sent::default()).await.unwrap();
    let mut kinds: Vec<&str> = changes(&round)
        .into_iter()
        .map(|change| match change {
            Change::Fact(_) => "fact",
            Change::Item(_) => "item",
            Change::Location(_) => "location",
            _ => "other",
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["fact", "item", "location"], "each key once, whatever named it");
    shop.hold_one("x", 1).await.unwrap();
    let sent = Sent { term: round.term, published: rows(&round), ..Sent::default() };
    let next = shop.backlog.round(&sent).await.unwrap();
    assert!(matches!(changes(&next)[..], [Change::Fact(fact)] if fact.reserved == 2));
    let sent = Sent { term: next.term, published: rows(&next), ..Sent::default() };
    shop.backlog.strike(&sent).await.unwrap();
    assert!(shop.backlog.round(&Sent::default()).await.unwrap().pending.is_empty());
}

pub(crate) async fn what_is_under_way_is_left_out_under_its_term_only(shop: Shop) {
    stocked(&shop).await;
    let round = shop.backlog.round(&Sent::default()).await.unwrap();
    let of = |term: u16| Sent { term, published: rows(&round), under_way: rows(&round) };
    let under_way = Sent { published: Vec::new(), ..of(round.term) };
    assert!(shop.backlog.round(&under_way).await.unwrap().pending.is_empty());
    let under_another = shop.backlog.round(&of(round.term + 1)).await.unwrap();
    assert_eq!(rows(&under_another), rows(&round), "neither deleted nor left out");
    shop.backlog.strike(&of(round.term + 1)).await.unwrap();
    assert_eq!(rows(&shop.backlog.round(&Sent::default()).await.unwrap()), rows(&round));
}

/// A long outbox is read in parts, and no part claims to be all of it.
pub(crate) async fn a_long_outbox_is_read_in_parts(shop: Shop) {
    stocked(&shop).await;
    for count in 0..ROWS as i64 {
        shop.count("x", "a", count).await;
    }
    let mut sent = Sent::default();
    let mut read = Vec::new();
    loop {
        let round = shop.backlog.round(&sent).await.unwrap();
        assert!(round.pending.len() <= ROWS);
        read.extend(rows(&round));
        if round.whole {
            break;
        }
        sent = Sent { term: round.term, published: rows(&round), ..Sent::default() };
    }
    let different: std::collections::HashSet<_> = read.iter().collect();
    assert!(read.len() > ROWS && different.len() == read.len(), "{} of {}", different.len(), read.len());
}

pub(crate) async fn one_relay_leads_until_its_lease_ends(shop: Shop) {
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let t = shop.backlog.round(&Sent::default()).await.unwrap().t;
    assert!(shop.backlog.take_lease(first, LEASE).await.unwrap(), "nobody leads yet");
    let beat = shop.backlog.store_t(first, t, None, LEASE).await.unwrap().unwrap();
    assert!(beat >= t, "S is not before T");
    assert!(!shop.backlog.take_lease(second, LEASE).await.unwrap());
    assert!(shop.backlog.renew_lease(first, LEASE, false).await.unwrap(), "the holder renews");
    tokio::time::sleep(LEASE + Duration::from_millis(50)).await;
    assert!(shop.backlog.take_lease(second, LEASE).await.unwrap());
    assert!(!shop.backlog.renew_lease(first, LEASE, false).await.unwrap(), "the deposed one cannot renew it");
    assert!(shop.backlog.store_t(first, t, None, LEASE).await.unwrap().is_none(), "nor store a T");
}

/// Invariant 4's half at the origin: what a write's own moment is before, a later T's snapshot has.
pub(crate) async fn a_moment_covers_what_was_committed_before_it(shop: Shop) {
    stocked(&shop).await;
    let mut last = shop.backlog.round(&Sent::default()).await.unwrap().t;
    for held in 1..=5 {
        let ask = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 1}]}));
        let mut decided = Vec::new();
        let rules = onhand_rules::Rules::none();
        let needs =
            onhand_origin::store::Needs { skus: ask.command.skus().into_iter().collect(), ..Default::default() };
        let committed_at = shop
            .store
            .batch(needs, &mut |state| decided = onhand_origin::answer::answer_all(state, &[&ask], &rules))
            .await
            .unwrap();
        let round = shop.backlog.round(&Sent::default()).await.unwrap();
        assert!(last <= committed_at && committed_at <= round.t);
        let fact = changes(&round).into_iter().find_map(|change| match change {
            Change::Fact(fact) => Some(fact),
            _ => None,
        });
        assert_eq!(fact.unwrap().reserved, held);
        last = round.t;
    }
}

/// Else a commit after the clock was set back would be acknowledged as of before T, and not be in it.
pub(crate) async fn the_moment_of_a_round_is_kept(shop: Shop) {
    let t = shop.backlog.round(&Sent::default()).await.unwrap().t;
    let kept = if shop.is_postgres() { format!("t >= '{t}'") } else { format!("t >= {}", t.micros()) };
    shop.sql(&format!(
        "CREATE TABLE kept (t integer CHECK (t = 1)); INSERT INTO kept SELECT count(*) FROM relay WHERE {kept}"
    ))
    .await
    .unwrap();
}

pub(crate) async fn own_holds_can_be_left_out(shop: Shop) {
    stocked(&shop).await;
    let mine = shop.hold_one("x", 4).await.unwrap();
    shop.hold_one("x", 1).await.unwrap();
    let load =
        LoadFacts { skus: vec![sku("nothing"), sku("x"), sku("x")], without: Some(mine.id), sees: Some(Sees::All) };
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
    let t = shop.backlog.round(&Sent::default()).await.unwrap().t.plus(Duration::from_secs(3600));
    shop.turn_clock_to(t).await;
    assert_eq!(shop.store.due(10).await.unwrap().ids, [held.id]);
    shop.verb(held.id, "expire", json!({})).await.unwrap();
    assert_eq!(shop.fact("x", "a").await.reserved, 0);
    shop.agrees().await;
}
