//! Callers that hold and cancel, each call repeated with its key until it is settled.

use std::{sync::Arc, time::Duration};

use onhand_checker::Write;
use onhand_client::Reply;
use onhand_wire::{
    Quantity,
    request::{Cancel, Hold, HoldLine},
    reservation::Reservation,
    session::Session,
};

use super::{books::Held, load::Shared};

const PAUSE: Duration = Duration::from_millis(4);

pub async fn write(shared: Arc<Shared>, number: usize) {
    let mut turn = number * 1000;
    while !shared.stopped() {
        turn += 1;
        let sku = shared.skus[turn * 7 % shared.skus.len()].clone();
        let units = 1 + (turn % 3) as i64;
        let quantity = Quantity::try_from(units).unwrap();
        let hold = Hold { ttl_s: 86400, ..Hold::of(vec![HoldLine { sku: sku.clone(), quantity, location: None }]) };
        match shared.shop.hold(&hold).starting_at(number).await {
            Ok(held) => {
                acknowledged(&shared, &held);
                let id = held.value.id;
                shared.books.held(&id.to_string(), Held { sku, units, cancelled: false });
                if turn.is_multiple_of(2) {
                    let cancelled = shared.shop.cancel(id, &Cancel::default()).starting_at(number).await;
                    acknowledged(&shared, &cancelled.unwrap_or_else(|error| panic!("{error}")));
                    shared.books.cancelled(&id.to_string());
                }
            }
            Err(error) => assert!(error.is("insufficient_stock"), "{error}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What the answer says was written goes to the checker.
fn acknowledged(shared: &Shared, reply: &Reply<Reservation>) {
    let at = reply.as_of.expect("a write tells its moment");
    let session = reply.session.as_deref().expect("a write gives a session");
    let session = Session::decode(session).expect("a session of ours");
    Write::of_session(&session, at).for_each(|write| shared.checker.acknowledged(&write));
    let mut last = shared.last.lock().unwrap();
    *last = at.max(*last);
}
