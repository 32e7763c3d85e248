//! `[origin.decisions]`: who is told what became of orders.

use onhand_http::setting::{SecretUrl, Span, count_fault};
use serde::{Deserialize, Serialize};

use super::Webhook;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Decisions {
    /// The webhooks; each is told of every order that is confirmed, sold_out, rejected, payment_failed or
    /// dead_lettered. The same at every origin.
    pub webhooks: Vec<Webhook>,
    /// If true, `onhand check` accepts that calls to webhooks leave the machine in the clear.
    pub insecure: bool,
    /// The time limit of one attempt.
    pub webhook_timeout: Span,
    /// Calls to one webhook under way at once.
    pub at_once: usize,
    /// How long an unacknowledged notice is retried; then it is given up, logged and counted.
    pub give_up_after: Span,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            webhooks: Vec::new(),
            insecure: false,
            webhook_timeout: Span::s(5),
            at_once: 16,
            give_up_after: Span::s(24 * 3600),
        }
    }
}

impl Decisions {
    /// Where notices go.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.webhooks.iter().map(|webhook| webhook.url.expose().to_owned()).collect()
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let url = |webhook: &Webhook| {
            let url: &SecretUrl = &webhook.url;
            url.http_fault("origin.decisions.webhooks: url")
        };
        let mut faults: Vec<String> = self.webhooks.iter().filter_map(url).collect();
        faults.extend(count_fault("origin.decisions.at_once", self.at_once == 0));
        if self.webhook_timeout < Span::ms(10) {
            faults.push("origin.decisions.webhook_timeout: must be 10ms or more".to_owned());
        }
        faults
    }
}
