//! Notices of decisions: rows that the decisions' own commits make, sent to webhooks until they are acknowledged.
//!
//! Each webhook has a sender of its own, so that a silent one delays only its own notices. After a replica died, another
//! sends what it had under way again, once the lease is over, with the same `id`.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use onhand_wire::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;

use super::Lanes;
use crate::{
    config::Decisions,
    store::{StoreError, notices::Notice, notifications::Attempt},
    webhook::{self, Caller},
};

/// Between looks for what is due.
const EVERY: Duration = Duration::from_millis(200);
/// Between looks for what is nobody's any more.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// A lease outlives the longest call by this.
const MARGIN: Duration = Duration::from_secs(5);
/// How long notices that were given up are kept.
const FAILED_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

pub(in super::super) struct Teller {
    config: Decisions,
    caller: Caller,
}

impl Teller {
    pub(in super::super) fn new(config: Decisions, client: reqwest::Client) -> Self {
        let caller = Caller::new(client, &config.webhooks, config.webhook_timeout.0);
        Self { config, caller }
    }
}

pub(super) async fn run(lanes: Arc<Lanes>) {
    let targets = lanes.teller.config.targets();
    while let Err(error) = lanes.store.notify_of_orders(&targets).await {
        tracing::warn!(%error, "who is told of orders' decisions could not be written down yet");
        tokio::time::sleep(EVERY).await;
    }
    let mut senders = JoinSet::new();
    for target in targets.clone() {
        senders.spawn(send_for_ever(lanes.clone(), target));
    }
    loop {
        if let Err(error) = tidy(&lanes, &targets).await {
            tracing::warn!(%error, "old notices of orders' decisions could not be looked for");
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}

async fn tidy(lanes: &Lanes, targets: &[String]) -> Result<(), StoreError> {
    let given_up = lanes.store.give_up_other_notices(targets, lanes.teller.config.give_up_after.0).await?;
    if given_up > 0 {
        tracing::error!(given_up, "notices for webhooks that are no longer configured are given up");
    }
    lanes.store.forget_notices(FAILED_KEPT).await
}

async fn send_for_ever(lanes: Arc<Lanes>, target: String) {
    loop {
        match lanes.send_notices(&target).await {
            Ok(true) => {}
            Ok(false) => tokio::time::sleep(EVERY).await,
            Err(error) => {
                tracing::warn!(%error, "notices of orders' decisions could not be looked for");
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

impl Lanes {
    /// Sends what is due; whether any of it was acknowledged, and there may be more.
    async fn send_notices(&self, target: &str) -> Result<bool, StoreError> {
        let config = &self.teller.config;
        let lease = config.webhook_timeout.0 + MARGIN;
        let taken = self.store.take_notices(target, config.at_once, lease).await?;
        if taken.is_empty() {
            return Ok(false);
        }
        let attempts = join_all(taken.into_iter().map(|notice| self.tell(notice))).await;
        self.store.settle_notices(&attempts).await?;
        for (_, attempt) in &attempts {
            self.metrics.told(match attempt {
                Attempt::Acknowledged => "sent",
                Attempt::Again(_) => "again",
                Attempt::GivenUp => "given_up",
            });
        }
        Ok(attempts.iter().any(|(_, attempt)| *attempt == Attempt::Acknowledged))
    }

    async fn tell(&self, notice: Notice) -> (Notice, Attempt) {
        let told = self.teller.caller.call(&notice.target, &id(&notice), &body(&notice)).await;
        let attempt = told.map_or_else(|error| self.not_told(&notice, &error), |()| Attempt::Acknowledged);
        (notice, attempt)
    }

    /// Again after a pause, unless its time is up.
    fn not_told(&self, notice: &Notice, error: &str) -> Attempt {
        let (id, attempts, target) = (notice.order, notice.attempts, webhook::shown(&notice.target));
        let now = Timestamp::from(chrono::Utc::now());
        if now.since(notice.at) >= self.teller.config.give_up_after.0 {
            tracing::error!(%id, target, attempts, error, "a notice of an order's decision is given up");
            return Attempt::GivenUp;
        }
        tracing::warn!(%id, target, attempts, error, "a notice of an order's decision is tried again");
        Attempt::Again(webhook::pause(attempts))
    }
}

/// The same in every attempt and to every webhook.
fn id(notice: &Notice) -> String {
    format!("{}.{}", notice.order, notice.at.micros())
}

fn body(notice: &Notice) -> String {
    json!({
        "id": id(notice),
        "event": "order_decided",
        "order": notice.order,
        "state": notice.state,
        "reason": notice.reason,
        "reservation_id": notice.reservation,
        "order_ref": notice.order_ref,
        "subject": notice.subject,
        "at": notice.at,
    })
    .to_string()
}
