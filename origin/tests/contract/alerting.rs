//! When alerting was last heard, and who tells people of it.

use std::time::Duration;

use crate::shop::Shop;

const LEASE: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_secs(3600);

pub(crate) async fn one_replica_tells_and_only_of_what_changed(shop: Shop) {
    let store = &shop.store;
    assert_eq!(store.alerting_heard_ago().await.unwrap(), None, "never");
    assert!(!store.take_telling(false, AGAIN, LEASE).await.unwrap(), "nobody was told that it is silent");
    assert!(store.take_telling(true, AGAIN, LEASE).await.unwrap());
    assert!(!store.take_telling(true, AGAIN, LEASE).await.unwrap(), "somebody is telling");
    store.told(true).await.unwrap();
    assert!(!store.take_telling(true, AGAIN, LEASE).await.unwrap(), "told");
    assert!(store.take_telling(true, Duration::ZERO, LEASE).await.unwrap(), "told again, later");
    store.told(true).await.unwrap();
    store.alerting_heard().await.unwrap();
    assert!(store.alerting_heard_ago().await.unwrap().unwrap() < LEASE);
    assert!(store.take_telling(false, AGAIN, LEASE).await.unwrap(), "it is heard again");
    store.told(false).await.unwrap();
    assert!(!store.take_telling(false, AGAIN, LEASE).await.unwrap());
}

pub(crate) async fn a_telling_that_came_to_nothing_is_taken_again(shop: Shop) {
    assert!(shop.store.take_telling(true, AGAIN, Duration::ZERO).await.unwrap());
    assert!(shop.store.take_telling(true, AGAIN, LEASE).await.unwrap(), "its lease is over");
}

pub(crate) async fn the_backlog_is_what_waits(shop: Shop) {
    let rows = async || shop.store.unpublished().await.unwrap();
    shop.location("a", 1, serde_json::json!({})).await;
    shop.count("x", "a", 5).await;
    let (before, oldest) = rows().await;
    assert!(before > 0 && oldest.is_some());
    shop.count("x", "a", 6).await;
    let (after, still) = rows().await;
    assert!(after > before && still == oldest, "the oldest stays");
}
