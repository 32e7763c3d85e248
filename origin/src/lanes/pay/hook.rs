//! The payment hook: a signed POST, answered by `approved` or `declined`; or one in the process that pretends.

use std::time::Duration;

use onhand_http::outgoing::causes;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{config::Payment as Config, store::orders::Payment, webhook::sign};

/// What a hook says of one call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Approved,
    Declined,
    /// Nothing that can be understood, or not in time.
    None(String),
}

pub(in super::super) struct Hook {
    pub(super) config: Config,
    client: reqwest::Client,
}

#[derive(Deserialize)]
struct Body {
    status: String,
}

impl Hook {
    pub(in super::super) fn new(config: Config, client: reqwest::Client) -> Self {
        Self { config, client }
    }

    pub(super) async fn send(&self, payment: &Payment) -> Answer {
        if self.config.simulated {
            return pretend(payment).await;
        }
        let key = key(payment);
        let body = json!({
            "action": if payment.voids { "void" } else { "charge" },
            "key": key,
            "order": payment.order,
            "attempt": payment.attempt,
            "amount": {"amount": payment.amount, "currency": payment.currency},
            "payment_ref": payment.payment_ref,
            "order_ref": payment.order_ref,
        })
        .to_string();
        let signature = sign(&self.config.secret, chrono::Utc::now().timestamp(), &body);
        let request = self
            .client
            .post(self.config.url.expose())
            .timeout(self.config.timeout.0)
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .header("onhand-signature", signature);
        let sent = async {
            let answer = request.body(body).send().await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        };
        match sent.await {
            Ok((status, _)) if payment.voids && status.is_success() => Answer::Approved,
            Ok((status, body)) if status.is_success() => read(&body),
            Ok((status, _)) => Answer::None(format!("the hook answered {status}")),
            Err(error) => Answer::None(causes(&error.without_url())),
        }
    }

    pub(super) fn pause(&self, tries: i32) -> Duration {
        let doubled = 1_u32 << u32::try_from(tries - 1).unwrap_or_default().min(20);
        self.config.shortest_pause.0.saturating_mul(doubled).min(self.config.longest_pause.0)
    }
}

fn read(body: &[u8]) -> Answer {
    match serde_json::from_slice::<Body>(body).map(|body| body.status) {
        Ok(status) if status == "approved" => Answer::Approved,
        Ok(status) if status == "declined" => Answer::Declined,
        Ok(_) | Err(_) => Answer::None("the hook's answer has no status approved or declined".to_owned()),
    }
}

/// The same for each repetition of one attempt, and another for the next.
fn key(payment: &Payment) -> String {
    format!("{}.{}", payment.order, payment.attempt)
}

pub(super) fn digest(payment: &Payment) -> [u8; 32] {
    Sha256::digest(key(payment)).into()
}

/// One charge in ten is never answered, whichever way it is asked for; the same one each time.
async fn pretend(payment: &Payment) -> Answer {
    tokio::time::sleep(Duration::from_millis(20)).await;
    if !payment.voids && digest(payment)[0].is_multiple_of(10) {
        return Answer::None("the simulated hook does not answer to one charge in ten".to_owned());
    }
    Answer::Approved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_understood_counts() {
        assert_eq!(read(br#"{"status":"approved","id":"pay_1"}"#), Answer::Approved);
        assert_eq!(read(br#"{"status":"declined"}"#), Answer::Declined);
        for other in [&b""[..], b"{}", b"approved", br#"{"status":"pending"}"#, br#"{"status":true}"#] {
            assert!(matches!(read(other), Answer::None(_)));
        }
    }
}
