//! Settings of the runbook's pages and of the restock notifications.

use onhand_wire::setting::{Secret, SecretUrl, Span};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::state::Limits;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reservations {
    /// Confirmed longer ago than this and not shipped: listed as stuck.
    pub stuck_after: Span,
    /// How long a hold may last from the call that makes or extends it, in whole seconds; beyond, 400. A hold
    /// that names no `ttl_s` asks for 600 s. `0s`: as long as any may, 31 days.
    pub max_ttl: Span,
    /// Units that one owner (`auth.owner_claim`, else the token's subject) may have open at once: held and not
    /// yet expired, or confirmed, and not shipped. A hold that would pass it is answered 429. What was held
    /// before it was set does not count; set it when every replica runs a version that knows it. 0: no limit,
    /// and nothing is counted.
    pub max_open_units: u32,
}

impl Reservations {
    pub(super) fn faults(&self) -> Vec<String> {
        let whole = self.max_ttl.0.subsec_nanos() == 0;
        let fault = || "origin.reservations.max_ttl: must be whole seconds, or 0s for none".to_owned();
        (!whole).then(fault).into_iter().collect()
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_ttl: Some(self.max_ttl.0).filter(|most| !most.is_zero()),
            max_open_units: Some(i64::from(self.max_open_units)).filter(|most| *most > 0),
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Warehouse {
    /// Where counts are fetched from (GET) when a reconciliation brings none; empty: nowhere.
    pub url: SecretUrl,
    /// Sent as a bearer token; empty: none is sent.
    pub token: Secret,
    /// For the whole answer.
    pub timeout: Span,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Restock {
    /// How often crossings are looked for; 100ms at least.
    pub every: Span,
    /// The Kafka topic; made if it is missing. Empty: none. Without Kafka there is none either.
    pub topic: String,
    /// Who is called, each for every crossing.
    pub webhooks: Vec<Webhook>,
    /// For one attempt.
    pub webhook_timeout: Span,
    /// How long an unacknowledged notification is tried again; then it is given up, logged and counted.
    pub give_up_after: Span,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: SecretUrl,
    /// Signs what is sent; 16 bytes at least.
    #[serde(deserialize_with = "signing")]
    pub secret: Secret,
}

impl Default for Reservations {
    fn default() -> Self {
        Self { stuck_after: Span::s(24 * 3600), max_ttl: Span::s(0), max_open_units: 0 }
    }
}

impl Default for Warehouse {
    fn default() -> Self {
        Self { url: SecretUrl::default(), token: Secret::default(), timeout: Span::s(30) }
    }
}

impl Default for Restock {
    fn default() -> Self {
        Self {
            every: Span::s(5),
            topic: "onhand.restock".to_owned(),
            webhooks: Vec::new(),
            webhook_timeout: Span::s(5),
            give_up_after: Span::s(24 * 3600),
        }
    }
}

impl Warehouse {
    pub(super) fn faults(&self) -> Option<String> {
        let given = Some(&self.url).filter(|url| !url.is_empty())?;
        given.http_fault("origin.warehouse.url")
    }
}

impl Restock {
    pub(super) fn faults(&self) -> Option<String> {
        self.webhooks.iter().find_map(|webhook| webhook.url.http_fault("origin.restock.webhooks: url"))
    }
}

const SECRET_BYTES: usize = 16;

fn signing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let secret = Secret::deserialize(deserializer)?;
    if secret.expose().len() >= SECRET_BYTES {
        return Ok(secret);
    }
    Err(D::Error::custom(format!("a webhook's secret has {SECRET_BYTES} bytes at least")))
}
