//! Idempotency keys.

use onhand_wire::Code;
use serde_json::json;

use crate::shop::{Shop, reservation};

async fn stocked(shop: &Shop) {
    shop.location("a", 1, json!({})).await;
    shop.count("x", "a", 10).await;
}

pub(crate) async fn a_key_gets_its_first_answer_again(shop: Shop) {
    stocked(&shop).await;
    let ask = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 3}]}));
    let first = shop.run(ask.clone()).await.unwrap();
    let again = shop.run(ask.clone()).await.unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(shop.fact("x", "a").await.reserved, 3, "held once");
    let mut other = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 4}]}));
    other.key.clone_from(&ask.key);
    assert_eq!(shop.run(other).await.unwrap_err().code, Code::IdempotencyKeyReused);
    let mut stranger = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 3}]}));
    stranger.key.clone_from(&ask.key);
    stranger.actor = "someone else".to_owned();
    assert!(!shop.run(stranger).await.unwrap().replayed, "keys belong to the subject");
}

pub(crate) async fn one_batch_may_hold_the_same_key_twice(shop: Shop) {
    stocked(&shop).await;
    let ask = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 3}]}));
    let both = shop.batch(&[ask.clone(), ask]).await;
    let [Ok(first), Ok(second)] = both.as_slice() else { panic!("{both:?}") };
    assert_eq!(reservation(first).id, reservation(second).id);
    assert!(second.replayed);
    assert_eq!(shop.fact("x", "a").await.reserved, 3);
}

pub(crate) async fn a_refusal_for_stock_is_kept_and_others_are_not(shop: Shop) {
    stocked(&shop).await;
    let ask = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 11}]}));
    assert_eq!(shop.run(ask.clone()).await.unwrap_err().code, Code::InsufficientStock);
    shop.count("x", "a", 100).await;
    let again = shop.run(ask).await.unwrap();
    assert_eq!((again.status, again.replayed), (409, true), "the first answer, though there is stock now");
    let ask = shop.hold_ask(json!({"lines": [{"sku": "later", "quantity": 1}]}));
    assert_eq!(shop.run(ask.clone()).await.unwrap_err().code, Code::UnknownSku);
    shop.count("later", "a", 1).await;
    assert_eq!(shop.run(ask).await.unwrap().status, 201);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As an earlier program left it: the digest of the call as it was spelt, and no word of its form.
pub(crate) async fn what_was_kept_in_the_first_form_is_compared_in_it(shop: Shop) {
    stocked(&shop).await;
    let ask = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 3}]}));
    let first = shop.run(ask.clone()).await.unwrap();
    let before = hex(&ask.digest.before.unwrap());
    let literal = if shop.is_postgres() { format!("'\\x{before}'") } else { format!("x'{before}'") };
    let sql = format!("UPDATE idempotency_keys SET digest = {literal}, digest_form = 1 WHERE key = '{}'", ask.key);
    shop.sql(&sql).await.unwrap();
    let again = shop.run(ask.clone()).await.unwrap();
    assert_eq!((again.replayed, &again.body), (true, &first.body));
    let mut other = shop.hold_ask(json!({"lines": [{"sku": "x", "quantity": 4}]}));
    other.key.clone_from(&ask.key);
    assert_eq!(shop.run(other).await.unwrap_err().code, Code::IdempotencyKeyReused);
    // A verb that made the present state is known by the digest that it left then.
    let id = reservation(&first).id;
    let confirm = shop.verb_ask(id, "confirm", json!({}));
    let confirmed = reservation(&shop.run(confirm.clone()).await.unwrap());
    let made_by = hex(&confirm.digest.before.unwrap());
    let body = if shop.is_postgres() {
        format!("jsonb_set(body::jsonb, '{{made_by}}', '\"{made_by}\"')::json")
    } else {
        format!("json_set(body, '$.made_by', '{made_by}')")
    };
    shop.sql(&format!("UPDATE reservations SET body = {body} WHERE id = '{id}'")).await.unwrap();
    assert_eq!(shop.verb(id, "confirm", json!({})).await.unwrap(), confirmed, "unchanged");
    let other = shop.verb(id, "confirm", json!({"lines": [{"line": 0, "quantity": 1}]})).await.unwrap_err();
    assert_eq!(other.code, Code::ReservationState);
}
