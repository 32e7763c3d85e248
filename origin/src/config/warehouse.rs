//! `[origin.warehouse]`: where counts are fetched from.

use onhand_http::setting::{Secret, SecretUrl, Span};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Warehouse {
    /// The address that counts are fetched from (GET) if a reconciliation has none; empty means that there is none.
    pub url: SecretUrl,
    /// If true, `onhand check` accepts that this hop leaves the machine in the clear.
    pub insecure: bool,
    /// Sent as a bearer token; if empty, none is sent.
    pub token: Secret,
    /// The time limit for the whole answer.
    pub timeout: Span,
}

impl Default for Warehouse {
    fn default() -> Self {
        Self { url: SecretUrl::default(), insecure: false, token: Secret::default(), timeout: Span::s(30) }
    }
}

impl Warehouse {
    pub(super) fn faults(&self) -> Option<String> {
        let given = Some(&self.url).filter(|url| !url.is_empty())?;
        given.http_fault("origin.warehouse.url")
    }
}
