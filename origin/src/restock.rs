//! Restock notifications: a threshold crossed, or something back in stock.
//!
//! 1. The crossing is recorded by the row's own change, in its commit (a trigger, see the V4
//!    migration): none is missed, whatever is down, and none is recorded twice.
//! 2. A check makes one delivery for each target: the topic, and every webhook.
//! 3. It takes the deliveries that are due, under a lease, so that replicas share them.
//! 4. It sends them; what is acknowledged is deleted, and the rest is due again after an increasing pause.
//!
//! Each target is notified once of each crossing. If an acknowledgement is lost (or comes after the lease), the same
//! notification is sent again with the same `id`. If a row crosses again before the notification was sent, only the
//! latest crossing is sent.

use std::{sync::Arc, time::Duration};

use futures_util::future::{join_all, try_join_all};
use onhand_wire::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    config::Restock,
    metrics::Metrics,
    store::{
        Store, StoreError,
        notifications::{Attempt, Delivery, TOPIC, Undelivered},
    },
    topic::{self, Topic},
    webhook::{self, Caller},
};

/// How many crossings are handled at a time.
const MOST: usize = 200;
/// Deliveries to one target under way at once.
const AT_ONCE: usize = 16;
const MARGIN: Duration = Duration::from_secs(5);
/// How long deliveries that were given up are kept.
const FAILED_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const SHORTEST_LOOK: Duration = Duration::from_millis(100);

/// What one check did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Delivered {
    /// Acknowledged.
    pub sent: usize,
    pub given_up: usize,
}

pub struct Restocker {
    store: Arc<dyn Store>,
    config: Restock,
    caller: Caller,
    topic: Option<Topic>,
    metrics: Metrics,
    /// One check at a time in this process.
    looking: Mutex<()>,
}

impl Restocker {
    pub fn new(
        store: Arc<dyn Store>,
        config: Restock,
        client: reqwest::Client,
        topic: Option<Topic>,
        metrics: Metrics,
    ) -> Self {
        let caller = Caller::new(client, &config.webhooks, config.webhook_timeout.0);
        Self { store, config, caller, topic, metrics, looking: Mutex::default() }
    }

    /// Runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "restock notifications could not be read");
            }
            if let Err(error) = self.measure().await {
                tracing::warn!(%error, "restock notifications could not be counted");
            }
            tokio::time::sleep(self.config.every.0.max(SHORTEST_LOOK)).await;
        }
    }

    async fn measure(&self) -> Result<(), StoreError> {
        self.metrics.low_stock(self.store.low_stock_items().await?);
        let Undelivered { pending, failed } = self.store.undelivered().await?;
        self.metrics.undelivered(pending, failed);
        Ok(())
    }

    /// Sends everything that is due now, to all targets at the same time: a silent target delays only its own
    /// notifications.
    pub async fn look(&self) -> Result<Delivered, StoreError> {
        let _alone = self.looking.lock().await;
        let targets = self.targets();
        while self.store.make_out_deliveries(&targets, MOST).await? > 0 {}
        let given_up = self.store.give_up_others(&targets, self.config.give_up_after.0).await?;
        if given_up > 0 {
            tracing::error!(given_up, "restock notifications for targets that are no longer configured are given up");
        }
        let looks = try_join_all(targets.iter().map(|target| self.deliver(target))).await?;
        self.store.forget_notifications(FAILED_KEPT).await?;
        Ok(Delivered {
            sent: looks.iter().map(|look| look.sent).sum(),
            given_up: looks.iter().map(|look| look.given_up).sum::<usize>() + given_up,
        })
    }

    /// In small parts, so that the lease can be short; if a whole part fails, it stops until the next check.
    async fn deliver(&self, target: &str) -> Result<Delivered, StoreError> {
        let mut all = Delivered::default();
        loop {
            let taken = self.store.take_deliveries(target, AT_ONCE, self.lease()).await?;
            let attempts = join_all(taken.into_iter().map(|delivery| self.attempt(delivery))).await;
            self.store.settle_deliveries(&attempts).await?;
            let before = all.sent;
            self.count(&attempts, &mut all);
            if all.sent == before {
                return Ok(all);
            }
        }
    }

    pub async fn undelivered(&self) -> Result<Undelivered, StoreError> {
        self.store.undelivered().await
    }

    fn targets(&self) -> Vec<String> {
        let topic = self.topic.as_ref().map(|_| TOPIC.to_owned());
        topic.into_iter().chain(self.config.webhooks.iter().map(|webhook| webhook.url.expose().to_owned())).collect()
    }

    /// Longer than one attempt takes at most.
    fn lease(&self) -> Duration {
        self.config.webhook_timeout.0.max(topic::ACKNOWLEDGED_WITHIN) + MARGIN
    }

    async fn attempt(&self, delivery: Delivery) -> (Delivery, Attempt) {
        let body = shown(&delivery).to_string();
        let sent = match (&self.topic, delivery.target.as_str()) {
            (Some(topic), TOPIC) => topic.send(&delivery.sku, body.as_bytes()).await,
            (None, TOPIC) => Err("no topic is configured any more".to_owned()),
            (_, url) => self.caller.call(url, &delivery.notification.to_string(), &body).await,
        };
        let attempt = sent.map_or_else(|error| self.failed(&delivery, &error), |()| Attempt::Acknowledged);
        (delivery, attempt)
    }

    /// Again after a pause, unless its time is up.
    fn failed(&self, delivery: &Delivery, error: &str) -> Attempt {
        let (id, attempts) = (delivery.notification, delivery.attempts);
        let target = if delivery.target == TOPIC { TOPIC.to_owned() } else { webhook::shown(&delivery.target) };
        let now = Timestamp::from(chrono::Utc::now());
        if now.since(delivery.since) >= self.config.give_up_after.0 {
            tracing::error!(%id, target, attempts, error, "a restock notification is given up");
            return Attempt::GivenUp;
        }
        tracing::warn!(%id, target, attempts, error, "a restock notification is tried again");
        Attempt::Again(webhook::pause(attempts))
    }

    fn count(&self, attempts: &[(Delivery, Attempt)], all: &mut Delivered) {
        for (delivery, attempt) in attempts {
            let outcome = match attempt {
                Attempt::Acknowledged => {
                    all.sent += 1;
                    "sent"
                }
                Attempt::Again(_) => "again",
                Attempt::GivenUp => {
                    all.given_up += 1;
                    "given_up"
                }
            };
            let target = if delivery.target == TOPIC { TOPIC } else { "webhook" };
            self.metrics.restock(target, outcome);
        }
    }
}

/// What topic and webhooks get.
fn shown(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.notification,
        "event": delivery.event,
        "sku": delivery.sku,
        "location": delivery.location,
        "available": delivery.available,
        "threshold": delivery.threshold,
        "seq": delivery.seq,
        "at": delivery.at,
    })
}
