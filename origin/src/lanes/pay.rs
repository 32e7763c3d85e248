//! Payment: charges and voids are rows, sent after their commit and until they are answered.
//!
//! 1. The commit that holds an order's stock makes a row of its charge: attempt, amount, and so its key.
//! 2. Rows that are due are taken by lease, and sent. Nobody's decision waits for this.
//! 3. An answer is settled in a batch, with the reservation, and counts only while its attempt is the one under way.
//! 4. No answer: again under the same key; after the last try the attempt is voided, its stock given back and its order
//!    set aside, in one commit. The void is repeated until the hook acknowledges it, and a hook refuses a voided key.

mod hook;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use onhand_wire::Sees;

use self::hook::Answer;
pub(super) use self::hook::Hook;
use super::Lanes;
use crate::{
    command::{Ask, Command, Paid, SettleOrder},
    key::CallDigest,
    store::{StoreError, orders::Payment},
};

/// Between looks for what is due.
const EVERY: Duration = Duration::from_millis(100);
/// A lease outlives the longest call by this.
const MARGIN: Duration = Duration::from_secs(5);
/// For a batch to settle it.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn run(lanes: Arc<Lanes>, hook: Arc<Hook>) {
    loop {
        match look(&lanes, &hook).await {
            Ok(0) => tokio::time::sleep(EVERY).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "payments that are due could not be looked for");
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

/// Sends what is due; how many.
async fn look(lanes: &Arc<Lanes>, hook: &Arc<Hook>) -> Result<usize, StoreError> {
    let lease = hook.config.timeout.0 + PATIENCE + MARGIN;
    let taken = lanes.store.take_payments(hook.config.at_once, lease).await?;
    let many = taken.len();
    stream::iter(taken).for_each_concurrent(None, |payment| lanes.pay(hook, payment)).await;
    Ok(many)
}

impl Lanes {
    async fn pay(&self, hook: &Hook, payment: Payment) {
        let answer = hook.send(&payment).await;
        let (id, attempt, tries) = (payment.order, payment.attempt, payment.tries);
        tracing::debug!(%id, attempt, tries, voids = payment.voids, ?answer, "a payment was sent");
        let settled = match (payment.voids, answer) {
            (true, Answer::Approved | Answer::Declined) => {
                self.metrics.paid("voided");
                self.store.payment_voided(&payment).await
            }
            (false, Answer::Approved) => self.settle(hook, &payment, Paid::Approved).await,
            (false, Answer::Declined) => self.settle(hook, &payment, Paid::Declined).await,
            (false, Answer::None(cause)) if tries >= i32::try_from(hook.config.tries).unwrap_or(i32::MAX) => {
                tracing::warn!(%id, attempt, tries, cause, "nobody knows whether an order is paid: it is voided");
                self.settle(hook, &payment, Paid::Unknown).await
            }
            (_, Answer::None(cause)) => {
                tracing::debug!(%id, attempt, tries, cause, "a payment is asked for again");
                self.metrics.paid("again");
                self.store.postpone_payment(&payment, hook.pause(tries)).await
            }
        };
        if let Err(error) = settled {
            // Its lease ends, and the same key tells what became of it.
            tracing::warn!(%error, %id, attempt, "what came of a payment could not be written down yet");
        }
    }

    async fn settle(&self, hook: &Hook, payment: &Payment, paid: Paid) -> Result<(), StoreError> {
        let settle =
            SettleOrder { order: payment.order, attempt: payment.attempt, reservation: payment.reservation, paid };
        let ask = Ask {
            command: Command::Settle(settle),
            actor: "onhand".to_owned(),
            owner: None,
            sees: Sees::All,
            key: String::new(),
            // Which call made the reservation's state: each attempt's is another.
            digest: CallDigest { now: hook::digest(payment), before: None },
            correlation: format!("payment-{}.{}", payment.order, payment.attempt),
        };
        match self.batches.ask(ask, PATIENCE).await {
            Ok(answer) => {
                self.settled(payment, paid, &answer.body);
                Ok(())
            }
            Err(problem) => {
                let (id, detail) = (payment.order, &problem.detail);
                tracing::warn!(%id, %detail, "what came of a payment could not be settled yet");
                self.store.postpone_payment(payment, hook.pause(payment.tries)).await
            }
        }
    }

    fn settled(&self, payment: &Payment, paid: Paid, state: &str) {
        self.metrics.paid(match paid {
            Paid::Approved => "approved",
            Paid::Declined => "declined",
            Paid::Unknown => "unknown",
        });
        match paid {
            Paid::Approved => {}
            Paid::Declined => self.metrics.payment_failed(),
            Paid::Unknown => self.metrics.dead_lettered("payment_timeout"),
        }
        tracing::info!(
            target: "onhand::orders",
            event = "order_processed",
            service = "onhand-origin",
            order_id = %payment.order,
            attempt = payment.attempt,
            outcome = state,
            "an order's payment was settled"
        );
        self.wake();
    }
}
