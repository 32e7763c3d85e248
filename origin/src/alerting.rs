//! Watches what watches us. Alertmanager's dead-man route calls `POST /internal/api/alerting/heartbeat` again and again,
//! as long as Prometheus evaluates rules, Alertmanager delivers, and nobody has silenced the one alert that must always
//! fire. When it no longer calls, people are told by webhooks of our own.
//!
//! 1. A heartbeat is kept in the database: replicas share a service's address, and each hears only some.
//! 2. Every replica looks once a second how long ago the last one was.
//! 3. The first that finds it too long takes the telling, under a lease, and calls each webhook. If one does not
//!    acknowledge, all are called again once the lease is over, with the same id.
//! 4. While it stays silent they are told again now and then; once it is heard, they are told that as well.
//!
//! A process counts its own start as heard, so that an origin that was down does not blame alerting. Without the
//! database each replica goes by what it heard itself, and tells by itself.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use onhand_wire::Timestamp;
use serde_json::json;

use crate::{
    config,
    metrics::Metrics,
    store::{Store, StoreError},
    webhook::{self, Caller},
};

const LOOK: Duration = Duration::from_secs(1);
/// How long a heartbeat waits for the database: Alertmanager gives up after ten seconds.
const TELLING: Duration = Duration::from_secs(3);
/// Longer than a telling takes: `webhook_timeout` is for each of the webhooks, which are called at once.
const MARGIN: Duration = Duration::from_secs(60);

/// What is known of alerting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How long ago it was heard; `None`: never.
    pub last_heard: Option<Duration>,
    pub silent: bool,
}

pub struct Alerting {
    store: Arc<dyn Store>,
    config: config::Alerting,
    caller: Caller,
    metrics: Metrics,
    region: String,
    started: Instant,
    heard: Mutex<Option<Instant>>,
    /// What this process last told by itself, without the database, and when.
    alone: Mutex<(bool, Instant)>,
}

impl Alerting {
    pub fn new(
        store: Arc<dyn Store>,
        config: config::Alerting,
        client: reqwest::Client,
        metrics: Metrics,
        region: String,
    ) -> Self {
        let caller = Caller::new(client, &config.webhooks, config.webhook_timeout.0);
        let started = Instant::now();
        let alone = Mutex::new((false, started));
        Self { store, config, caller, metrics, region, started, heard: Mutex::default(), alone }
    }

    /// A heartbeat. This process knows it even if the database cannot be reached.
    pub async fn heartbeat(&self) {
        self.note(Some(Duration::ZERO));
        let told = tokio::time::timeout(TELLING, self.store.alerting_heard()).await;
        let error = match told {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the database did not answer in time".to_owned(),
        };
        tracing::warn!(error, "other replicas do not hear of a heartbeat of alerting");
    }

    fn note(&self, ago: Option<Duration>) {
        let at = ago.and_then(|ago| Instant::now().checked_sub(ago));
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = (*heard).max(at);
    }

    pub fn standing(&self) -> Standing {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let last_heard = heard.map(|at| at.elapsed());
        Standing { last_heard, silent: self.quiet(last_heard) >= self.config.silent_after.0 }
    }

    fn quiet(&self, last_heard: Option<Duration>) -> Duration {
        let up = self.started.elapsed();
        last_heard.map_or(up, |ago| ago.min(up))
    }

    /// Runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.look().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look(&self) {
        let known = self.store.alerting_heard_ago().await;
        if let Ok(ago) = &known {
            self.note(*ago);
        }
        let standing = self.standing();
        self.metrics.alerting(self.quiet(standing.last_heard), standing.silent);
        if self.config.webhooks.is_empty() {
            return;
        }
        let lease = self.config.webhook_timeout.0 + MARGIN;
        let again = self.config.again_after.0;
        match self.store.take_telling(standing.silent, again, lease).await {
            Ok(true) => self.tell_and_keep(standing).await,
            Ok(false) => {}
            Err(error) => self.tell_alone(standing, &error).await,
        }
    }

    async fn tell_and_keep(&self, standing: Standing) {
        if self.tell(standing).await
            && let Err(error) = self.store.told(standing.silent).await
        {
            tracing::warn!(%error, "people may be told again what they were told of alerting");
        }
    }

    async fn tell_alone(&self, standing: Standing, error: &StoreError) {
        let (told, at) = *self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        if told == standing.silent && !(told && at.elapsed() >= self.config.again_after.0) {
            return;
        }
        tracing::warn!(%error, "this replica tells of alerting by itself");
        if self.tell(standing).await {
            *self.alone.lock().unwrap_or_else(PoisonError::into_inner) = (standing.silent, Instant::now());
        }
    }

    /// Whether every webhook acknowledged.
    async fn tell(&self, standing: Standing) -> bool {
        let quiet = self.quiet(standing.last_heard);
        let event = if standing.silent { "alerting_silent" } else { "alerting_heard" };
        if standing.silent {
            tracing::error!(silent_s = quiet.as_secs(), "alerting is silent: nobody would hear of an alert");
        } else {
            tracing::info!("alerting is heard again");
        }
        let (id, body) = self.message(event, standing, quiet);
        let calls = self.config.webhooks.iter().map(|webhook| self.call(webhook.url.expose(), &id, &body));
        join_all(calls).await.into_iter().all(|acknowledged| acknowledged)
    }

    /// Its id is the same in each attempt, and another one when people are told again.
    fn message(&self, event: &str, standing: Standing, quiet: Duration) -> (String, String) {
        let now = Timestamp::from(chrono::Utc::now());
        let ago = |span: Duration| Timestamp::from_micros(now.micros() - i64::try_from(span.as_micros()).unwrap_or(0));
        let last = standing.last_heard.map(ago);
        let times = quiet.as_secs().checked_div(self.config.again_after.0.as_secs()).unwrap_or_default();
        let since = last.map_or(0, |at| at.micros() / 1_000_000);
        let id = format!("{event}-{since}-{times}");
        let body = json!({
            "id": id, "event": event, "region": self.region, "at": now, "last_heard": last, "silent_s": quiet.as_secs(),
            "text": if standing.silent {
                format!("Alerting of Onhand ({}) has not been heard for {} s: nobody would hear of an alert.", self.region, quiet.as_secs())
            } else {
                format!("Alerting of Onhand ({}) is heard again.", self.region)
            },
        });
        (id, body.to_string())
    }

    async fn call(&self, url: &str, id: &str, body: &str) -> bool {
        let called = self.caller.call(url, id, body).await;
        if let Err(error) = &called {
            tracing::error!(target = webhook::shown(url), error, "a webhook did not take what it is told of alerting");
        }
        called.is_ok()
    }
}
