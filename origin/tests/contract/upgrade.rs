//! A database that an older program left.

use onhand_origin::store::{Membership, Sent};
use onhand_wire::{Sees, event::Change};

use crate::shop::{Shop, sku};

/// A reservation of a time when none had an owner.
const BEFORE_OWNERS: &str = "0193a1b2-7c4d-7e8f-9a0b-1c2d3e4f5a6b";

/// One of everything that V5 and later move; `now` in the database's own words.
pub(crate) fn rows(now: &str) -> String {
    format!(
        "INSERT INTO locations (location, name, priority, enabled, pickup, seq, changed_at) VALUES ('a', 'A', 1, true, false, 1, {now});
        INSERT INTO channels (channel, locations, allocation, seq, changed_at) VALUES ('web', '[\"a\"]', 'priority', 1, {now});
        INSERT INTO products (sku, name, seq, changed_at, search) VALUES ('it''s', 'X', 1, {now}, '');
        INSERT INTO inventory_items (sku, location, on_hand, reserved, safety_stock, backorder_limit, low_stock_at, seq, changed_at, deleted)
            VALUES ('it''s', 'a', 7, 0, 0, 0, 0, 2, {now}, false);
        INSERT INTO ledger (at, actor, kind, sku, location, on_hand_before, on_hand_after, reserved_before, reserved_after, seq, correlation)
            VALUES ({now}, 'x', 'set', 'it''s', 'a', 0, 3, 0, 0, 1, ''), ({now}, 'x', 'set', 'it''s', 'a', 3, 7, 0, 0, 2, '');
        INSERT INTO reservations (id, state, created_at, body)
            VALUES ('{BEFORE_OWNERS}', 'cancelled', {now}, '{{\"id\":\"{BEFORE_OWNERS}\",\"state\":\"cancelled\",\"expires_at\":null,
                \"created_at\":\"2026-01-31T09:30:00.000Z\",\"order_ref\":null,\"channel\":null,\"allocated_by\":\"priority\",\"lines\":[]}}');
        INSERT INTO outbox (kind, sku, location, seq) VALUES (0, 'it''s', '', 1), (1, 'it''s', 'a', 2), (2, '', 'a', 1), (3, '', 'web', 1);"
    )
}

pub(crate) async fn the_rows_of_v4_are_there_after_an_upgrade(shop: Shop) {
    assert!(shop.store.check_schema().await.is_err(), "it says to migrate");
    shop.store.migrate().await.unwrap();
    shop.store.check_schema().await.unwrap();
    shop.store.settle_term(onhand_origin::feed::FeedEnd::Empty).await.unwrap();
    assert_eq!(shop.backlog.enter().await.unwrap().membership, Membership::Live);
    let round = shop.backlog.round(&Sent::default()).await.unwrap();
    let pending: Vec<&Change> = round.pending.iter().flat_map(|row| &row.changes).collect();
    assert!(
        matches!(pending[..], [Change::Item(_), Change::Fact(fact), Change::Location(_), Change::Channel(_)] if fact.on_hand == 7),
        "{pending:?}"
    );
    shop.count("it's", "a", 9).await;
    let lines = shop.store.ledger(&sku("it's"), None, None, 10).await.unwrap();
    let after: Vec<i64> = lines.iter().map(|line| line.after.on_hand).collect();
    assert_eq!(after, [9, 7, 3], "newest first, the old ones behind");
    let before = async |sees: Sees| shop.store.reservation(BEFORE_OWNERS.parse().unwrap(), &sees).await.unwrap();
    assert!(before(Sees::All).await.is_some_and(|(record, _)| record.owner.is_none()));
    assert!(before(Sees::Of("shop-a".to_owned())).await.is_none(), "it is nobody's");
    shop.agrees().await;
}
