//! `[kafka.options]`: librdkafka's other settings.

use std::collections::BTreeMap;

use onhand_http::setting::Secret;
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

/// By librdkafka's names, for every client. Values are never shown, because one may be a password.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Options(BTreeMap<String, Secret>);

/// Settings that Onhand makes itself, for at least one client.
const TAKEN: [&str; 32] = [
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "client.id",
    "enable.auto.commit",
    "enable.idempotence",
    "enable.partition.eof",
    "fetch.error.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "heartbeat.interval.ms",
    "linger.ms",
    "log.connection.close",
    "message.timeout.ms",
    "metadata.broker.list",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.required.acks",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "topic.metadata.refresh.interval.ms",
    "queue.buffering.max.ms",
];

pub(crate) fn is_taken(key: &str) -> bool {
    TAKEN.contains(&key)
}

impl Options {
    pub(crate) fn set_on(&self, config: &mut ClientConfig) {
        for (key, value) in &self.0 {
            config.set(key, value.expose());
        }
    }

    /// Whether brokers may present any certificate, or one for any name.
    pub fn verify_less(&self) -> bool {
        let is = |key: &str, value: &str| self.0.get(key).is_some_and(|set| set.expose().eq_ignore_ascii_case(value));
        is("enable.ssl.certificate.verification", "false") || is("ssl.endpoint.identification.algorithm", "none")
    }

    pub(crate) fn faults(&self) -> Vec<String> {
        let fault = |(key, value): (&String, &Secret)| {
            if is_taken(key) {
                return Some(format!(
                    "kafka.options: {key} is set by Onhand, or belongs in [kafka] or [kafka.security]"
                ));
            }
            // librdkafka's own message may show the value.
            let refused = ClientConfig::new().set(key, value.expose()).create_native_config().is_err();
            refused.then(|| format!("kafka.options: librdkafka has no setting {key}, or not with this value"))
        };
        self.0.iter().filter_map(fault).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_onhand_sets_or_librdkafka_refuses_is_a_fault() {
        let faults = |text: &str| serde_json::from_str::<Options>(text).unwrap().faults();
        assert!(faults(r#"{"socket.timeout.ms": "5000", "ssl.cipher.suites": "ALL"}"#).is_empty());
        for key in ["acks", "bootstrap.servers", "sasl.password", "no.such.setting", "socket.timeout.ms"] {
            let faults = faults(&format!(r#"{{"{key}": "S3CRET"}}"#)).join("\n");
            assert!(faults.contains(key) && !faults.contains("S3CRET"), "{key}: {faults}");
        }
    }

    #[test]
    fn whoever_verifies_less_is_known() {
        let less = |text: &str| serde_json::from_str::<Options>(text).unwrap().verify_less();
        assert!(less(r#"{"enable.ssl.certificate.verification": "FALSE"}"#));
        assert!(less(r#"{"ssl.endpoint.identification.algorithm": "none"}"#));
        assert!(!less(r#"{"socket.timeout.ms": "5000"}"#));
    }
}
