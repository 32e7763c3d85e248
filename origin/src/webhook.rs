//! Webhooks: a signed POST, acknowledged by any 2xx.
//!
//! `Onhand-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA256 under the webhook's secret of
//! `SECONDS.BODY` (as Stripe does): a receiver that checks the signature and the age of `t` cannot be deceived by a
//! forged or an old notification.

use std::{collections::HashMap, fmt::Write, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use hmac::{Hmac, Mac};
use onhand_http::{
    outgoing::causes,
    setting::{Secret, SecretUrl},
};
use sha2::Sha256;

use crate::config::Webhook;

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

pub(crate) struct Caller {
    client: reqwest::Client,
    timeout: Duration,
    secrets: HashMap<String, Secret>,
}

impl Caller {
    pub(crate) fn new(client: reqwest::Client, webhooks: &[Webhook], timeout: Duration) -> Self {
        let secrets =
            webhooks.iter().map(|webhook| (webhook.url.expose().to_owned(), webhook.secret.clone())).collect();
        Self { client, timeout, secrets }
    }

    /// Sends one notification; the error is for the log.
    pub(crate) async fn call(&self, url: &str, id: &str, body: &str) -> Result<(), String> {
        let secret = self.secrets.get(url).ok_or("it is not configured any more")?;
        let signature = sign(secret, chrono::Utc::now().timestamp(), body);
        let request = self
            .client
            .post(url)
            .timeout(self.timeout)
            .header("content-type", "application/json")
            .header("onhand-notification", id)
            .header("onhand-signature", signature);
        let answer = request.body(body.to_owned()).send().await.map_err(|error| causes(&error.without_url()))?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
    }
}

/// `Onhand-Signature` of a body that is sent now.
pub(crate) fn sign(secret: &Secret, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.{body}").as_bytes());
    let mut text = format!("t={seconds},v1=");
    for byte in mac.finalize().into_bytes() {
        let _written = write!(text, "{byte:02x}");
    }
    text
}

/// A webhook's address for the log: its path may be its secret.
pub(crate) fn shown(url: &str) -> String {
    SecretUrl::new(url).to_string()
}

/// Before the next attempt: 1 s, 2 s, 4 s … 5 min.
pub(crate) fn pause(attempts: i32) -> Duration {
    let growing = ExponentialBuilder::default().with_min_delay(SHORTEST_PAUSE).with_max_delay(LONGEST_PAUSE);
    let mut pauses = growing.with_factor(2.0).without_max_times().build();
    pauses.nth(usize::try_from(attempts - 1).unwrap_or_default().min(16)).unwrap_or(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figure is from `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef`.
    #[test]
    fn signed_as_documented() {
        let signed = sign(&Secret::new("0123456789abcdef"), 1_700_000_000, r#"{"a":1}"#);
        assert_eq!(signed, "t=1700000000,v1=9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23");
    }

    #[test]
    fn pauses_grow_to_five_minutes() {
        let seconds: Vec<u64> = [1, 2, 3, 9, 10, 1000].map(|attempts| pause(attempts).as_secs()).into();
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300]);
    }

    #[test]
    fn the_log_shows_no_secret() {
        assert_eq!(shown("https://me:pass@shop.example/T0/S3CRET?key=1"), "https://shop.example");
    }
}
