//! `[origin.restock]`: who is notified that a threshold was crossed.

use onhand_http::setting::{Secret, SecretUrl, Span};
use serde::{Deserialize, Deserializer, Serialize, de::Error};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Restock {
    /// How often it checks for crossings; at least 100ms.
    pub every: Span,
    /// The Kafka topic, which is created if it is missing. Empty, or without Kafka, there is none.
    pub topic: String,
    /// The webhooks; each is called for every crossing.
    pub webhooks: Vec<Webhook>,
    /// If true, `onhand check` accepts that calls to webhooks leave the machine in the clear.
    pub insecure: bool,
    /// The time limit of one attempt.
    pub webhook_timeout: Span,
    /// How long an unacknowledged notification is retried; then it is given up, logged and counted.
    pub give_up_after: Span,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: SecretUrl,
    /// Signs notifications; at least 16 bytes.
    #[serde(deserialize_with = "signing")]
    pub secret: Secret,
}

impl Default for Restock {
    fn default() -> Self {
        Self {
            every: Span::s(5),
            topic: "onhand.restock".to_owned(),
            webhooks: Vec::new(),
            insecure: false,
            webhook_timeout: Span::s(5),
            give_up_after: Span::s(24 * 3600),
        }
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
