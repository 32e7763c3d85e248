//! Several regions' feeds of one outbox: none waits for another, and none lacks what another has.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use onhand_origin::{
    command::Command,
    store::{Backlog, Membership, Round, Sent},
};
use onhand_wire::event::Change;
use serde_json::json;
use uuid::Uuid;

use crate::shop::{Shop, sku};

const LEASE: Duration = Duration::from_secs(5);

fn struck(round: &Round) -> Sent {
    Sent { term: round.term, published: round.pending.iter().map(|row| row.id).collect(), ..Sent::default() }
}

/// Publishes all there is to nobody, until nothing is left.
async fn drain(backlog: &Arc<dyn Backlog>) -> usize {
    let (mut sent, mut rows) = (Sent::default(), 0);
    loop {
        let round = backlog.round(&sent).await.unwrap();
        rows += round.pending.len();
        sent = struck(&round);
        if round.pending.is_empty() {
            return rows;
        }
    }
}

/// SQLite has one feed.
async fn far(shop: &Shop) -> Option<Arc<dyn Backlog>> {
    if !shop.is_postgres() {
        return None;
    }
    shop.location("a", 1, json!({})).await;
    let far = shop.store.backlog("far", false);
    assert_eq!(far.enter().await.unwrap().membership, Membership::Filling);
    assert_eq!(far.enter().await.unwrap().membership, Membership::Filling, "still");
    Some(far)
}

async fn live(shop: &Shop) -> Option<Arc<dyn Backlog>> {
    let (far, holder) = (far(shop).await?, Uuid::new_v4());
    assert!(far.take_lease(holder, LEASE).await.unwrap());
    assert!(far.filled(holder).await.unwrap());
    assert_eq!(far.enter().await.unwrap().membership, Membership::Live);
    drain(&shop.backlog).await;
    drain(&far).await;
    Some(far)
}

pub(crate) async fn a_row_is_kept_until_every_feed_has_it(shop: Shop) {
    let Some(far) = live(&shop).await else { return };
    shop.count("x", "a", 5).await;
    let home = shop.backlog.round(&Sent::default()).await.unwrap();
    assert!(!home.pending.is_empty());
    assert!(shop.backlog.round(&struck(&home)).await.unwrap().pending.is_empty(), "home has it");
    let there = far.round(&Sent::default()).await.unwrap();
    let ids = |round: &Round| round.pending.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&there), ids(&home), "far does not");
    assert!(far.round(&struck(&there)).await.unwrap().pending.is_empty());
    shop.sql(
        "CREATE TABLE none (n integer CHECK (n = 0)); INSERT INTO none SELECT count(*) FROM outbox; \
              INSERT INTO none SELECT count(*) FROM backlog",
    )
    .await
    .unwrap();
}

/// Both have published a row, and neither may lose, repeat for ever or deadlock.
pub(crate) async fn two_feeds_strike_the_same_rows_at_once(shop: Shop) {
    let Some(far) = live(&shop).await else { return };
    for round in 0..20 {
        for count in 0..20 {
            shop.count("x", "a", 20 * round + count).await;
        }
        let (home, there) = tokio::join!(drain(&shop.backlog), drain(&far));
        assert!(home >= 20 && there >= 20, "{home} and {there}");
    }
    assert_eq!((drain(&shop.backlog).await, drain(&far).await), (0, 0));
}

/// What each key was last told to be.
async fn told(backlog: &Arc<dyn Backlog>) -> BTreeMap<String, i64> {
    let (mut told, mut after) = (BTreeMap::new(), None);
    let mut tell = |change: &Change| {
        if let Change::Fact(fact) = change {
            told.insert(change.key(), if fact.deleted { -1 } else { fact.on_hand });
        }
    };
    loop {
        let page = backlog.page(after.as_ref()).await.unwrap();
        page.changes.iter().for_each(&mut tell);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let round = backlog.round(&Sent::default()).await.unwrap();
    round.pending.iter().flat_map(|row| &row.changes).for_each(tell);
    told
}

pub(crate) async fn what_is_committed_before_the_fill_ends_is_in_it_or_kept(shop: Shop) {
    if !shop.is_postgres() {
        return;
    }
    shop.location("a", 1, json!({})).await;
    for name in ["before", "changed", "deleted"] {
        shop.count(name, "a", 1).await;
    }
    shop.done(Command::DeleteItem(sku("deleted"))).await;
    drain(&shop.backlog).await; // as if it had been there for a year
    let far = far(&shop).await.unwrap();
    shop.count("changed", "a", 2).await;
    drain(&shop.backlog).await;
    let page = far.page(None).await.unwrap();
    assert!(page.next.is_none() && page.changes.iter().any(|change| matches!(change, Change::Location(_))));
    shop.count("changed", "a", 3).await;
    shop.count("after", "a", 4).await;
    drain(&shop.backlog).await;
    let told = told(&far).await;
    let of = |name: &str| told.get(&format!("a/{name}")).copied();
    assert_eq!(["before", "changed", "deleted", "after"].map(of), [Some(1), Some(3), Some(-1), Some(4)], "{told:?}");
}

pub(crate) async fn a_silent_feed_is_left_out_and_filled_when_it_is_back(shop: Shop) {
    let Some(far) = live(&shop).await else { return };
    let (patience, holder) = (Duration::from_millis(400), Uuid::new_v4());
    shop.count("x", "a", 5).await;
    drain(&shop.backlog).await;
    let t = shop.backlog.round(&Sent::default()).await.unwrap().t;
    assert!(shop.backlog.take_lease(holder, LEASE).await.unwrap());
    shop.backlog.store_t(holder, t, None, LEASE).await.unwrap().unwrap();
    assert!(shop.store.leave_out_silent(patience).await.unwrap().is_empty(), "both were heard of");
    tokio::time::sleep(patience).await;
    shop.backlog.store_t(holder, t, None, LEASE).await.unwrap().unwrap();
    assert_eq!(shop.store.leave_out_silent(patience).await.unwrap(), ["far"]);
    assert!(far.round(&Sent::default()).await.unwrap().pending.is_empty(), "nothing is kept for it");
    assert!(!far.take_lease(Uuid::new_v4(), LEASE).await.unwrap(), "nobody leads it");
    shop.count("x", "a", 6).await;
    drain(&shop.backlog).await;
    assert_eq!(far.enter().await.unwrap().membership, Membership::Filling);
    assert_eq!(told(&far).await.get("a/x"), Some(&6));
}

/// Whatever the patience: it is the only one there is.
pub(crate) async fn one_feed_alone_is_never_left_out(shop: Shop) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(shop.store.leave_out_silent(Duration::from_millis(1)).await.unwrap().is_empty());
}
