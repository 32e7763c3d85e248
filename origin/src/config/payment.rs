//! `[origin.payment]`: who charges for orders.

use onhand_http::setting::{Secret, SecretUrl, Span, count_fault};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Payment {
    /// The hook that charges and voids (POST; docs/orders.md has its contract). Empty: orders are not paid, and are
    /// confirmed at once.
    pub url: SecretUrl,
    /// `onhand check` does not mind that it leaves the machine in the clear.
    pub insecure: bool,
    /// Signs what is sent; 16 bytes at least.
    pub secret: Secret,
    /// For one answer.
    pub timeout: Span,
    /// Times that a charge is asked for under one key before it is voided, and its order set aside.
    pub tries: u32,
    /// Between them; doubles up to `longest_pause`. A void is repeated until it is acknowledged.
    pub shortest_pause: Span,
    pub longest_pause: Span,
    /// Calls under way at once.
    pub at_once: usize,
    /// `onhand dev`'s: a hook in the process that never answers to one charge in ten.
    #[serde(skip)]
    pub simulated: bool,
}

const SECRET_BYTES: usize = 16;

impl Default for Payment {
    fn default() -> Self {
        Self {
            url: SecretUrl::default(),
            insecure: false,
            secret: Secret::default(),
            timeout: Span::s(5),
            tries: 4,
            shortest_pause: Span::ms(500),
            longest_pause: Span::s(60),
            at_once: 32,
            simulated: false,
        }
    }
}

impl Payment {
    /// Whether orders are paid.
    pub(crate) fn is_on(&self) -> bool {
        self.simulated || !self.url.is_empty()
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.url.is_empty() {
            return faults;
        }
        faults.extend(self.url.http_fault("origin.payment.url"));
        if self.secret.expose().len() < SECRET_BYTES {
            faults
                .push(format!("origin.payment.secret: must have {SECRET_BYTES} bytes at least: it signs what is sent"));
        }
        faults.extend(count_fault("origin.payment.tries", self.tries == 0));
        faults.extend(count_fault("origin.payment.at_once", self.at_once == 0));
        if self.timeout < Span::ms(10) {
            faults.push("origin.payment.timeout: must be 10ms or more".to_owned());
        }
        if self.longest_pause < self.shortest_pause {
            faults.push("origin.payment.longest_pause: must be shortest_pause or more".to_owned());
        }
        faults
    }
}
