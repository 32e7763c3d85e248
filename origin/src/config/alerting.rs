//! `[origin.alerting]`: who is told when alerting itself falls silent.

use onhand_http::setting::Span;
use serde::{Deserialize, Serialize};

use super::Webhook;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Alerting {
    /// How long Alertmanager's dead-man route may not call before people are told; 1s or more. It should be several
    /// times that route's `repeat_interval`.
    pub silent_after: Span,
    /// While it stays silent, people are told again this often.
    pub again_after: Span,
    /// Who is called, signed as restock's; empty: nobody.
    pub webhooks: Vec<Webhook>,
    /// `onhand check` does not mind that webhooks leave the machine in the clear.
    pub insecure: bool,
    /// For one attempt; what is not acknowledged is tried again after a minute.
    pub webhook_timeout: Span,
}

impl Default for Alerting {
    fn default() -> Self {
        Self {
            silent_after: Span::s(300),
            again_after: Span::s(3600),
            webhooks: Vec::new(),
            insecure: false,
            webhook_timeout: Span::s(5),
        }
    }
}

impl Alerting {
    pub(super) fn faults(&self) -> Vec<String> {
        let short = self.silent_after < Span::s(1);
        let short = short.then(|| "origin.alerting.silent_after: must be 1s or more".to_owned());
        let url = |webhook: &Webhook| webhook.url.http_fault("origin.alerting.webhooks: url");
        short.into_iter().chain(self.webhooks.iter().find_map(url)).collect()
    }
}
