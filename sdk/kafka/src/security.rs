//! `[kafka.security]`: TLS and passwords.

use onhand_http::{pem::PemFile, setting::Secret};
use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// How a password is proved. `PLAIN` sends it to the broker, and without TLS anyone can read it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[default]
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    /// `plaintext`, `ssl`, `sasl_plaintext` or `sasl_ssl`.
    pub protocol: Protocol,
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; used with `sasl_plaintext` and `sasl_ssl`.
    pub mechanism: Mechanism,
    pub username: String,
    pub password: Secret,
    /// Roots for the brokers' certificates, in PEM; empty uses the system's.
    pub ca_file: String,
    /// The node's own certificate, for brokers that ask for one; empty means none.
    pub cert_file: String,
    pub key_file: String,
}

impl Protocol {
    pub fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }
}

impl Mechanism {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

impl Security {
    fn files(&self) -> [(PemFile<'_>, &'static str); 3] {
        let file = |setting, path| PemFile { setting, path };
        [
            (file("kafka.security.ca_file", &self.ca_file), "ssl.ca.location"),
            (file("kafka.security.cert_file", &self.cert_file), "ssl.certificate.location"),
            (file("kafka.security.key_file", &self.key_file), "ssl.key.location"),
        ]
    }

    pub(crate) fn set_on(&self, config: &mut ClientConfig) {
        if self.protocol == Protocol::Plaintext {
            return;
        }
        config.set("security.protocol", self.protocol.name());
        if self.protocol.has_sasl() {
            config.set("sasl.mechanism", self.mechanism.name());
            config.set("sasl.username", &self.username).set("sasl.password", self.password.expose());
        }
        for (file, key) in self.files().into_iter().filter(|(file, _)| !file.path.is_empty()) {
            config.set(key, file.path);
        }
    }

    /// The files are read here too, because librdkafka's own errors name its settings, not ours.
    pub(crate) fn faults(&self) -> Vec<String> {
        let given = self.files().into_iter().map(|(file, _)| file).filter(|file| !file.path.is_empty());
        let mut faults: Vec<String> = if self.protocol.has_tls() {
            given.filter_map(|file| file.read().err()).map(|fault| fault.to_string()).collect()
        } else {
            given.map(|file| format!("{}: needs protocol ssl or sasl_ssl", file.setting)).collect()
        };
        match (self.cert_file.is_empty(), self.key_file.is_empty()) {
            (true, false) => faults.push("kafka.security.cert_file: must be set where key_file is".to_owned()),
            (false, true) => faults.push("kafka.security.key_file: must be set where cert_file is".to_owned()),
            _ => {}
        }
        for (key, none) in [("username", self.username.is_empty()), ("password", self.password.is_empty())] {
            match (self.protocol.has_sasl(), none) {
                (true, true) => {
                    faults.push(format!("kafka.security.{key}: must be set with sasl_plaintext and sasl_ssl"))
                }
                (false, false) => {
                    faults.push(format!("kafka.security.{key}: needs protocol sasl_plaintext or sasl_ssl"))
                }
                _ => {}
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_nowhere_is_a_fault() {
        let read = |text: &str| serde_json::from_str::<Security>(text).unwrap().faults().join("\n");
        for (text, key) in [
            (r#"{"username": "u"}"#, "username: needs"),
            (r#"{"protocol": "ssl", "password": "S3CRET"}"#, "password: needs"),
            (r#"{"protocol": "sasl_ssl", "username": "u"}"#, "password: must"),
            (r#"{"protocol": "sasl_plaintext", "username": "u", "password": "p", "ca_file": "ca"}"#, "ca_file: needs"),
            (r#"{"protocol": "ssl", "ca_file": "/nowhere/ca"}"#, "ca_file: /nowhere/ca cannot be read"),
            (r#"{"protocol": "ssl", "key_file": "/nowhere/key"}"#, "cert_file: must"),
        ] {
            let faults = read(text);
            assert!(
                faults.contains(&format!("kafka.security.{key}")) && !faults.contains("S3CRET"),
                "{text}: {faults}"
            );
        }
        assert_eq!(read(r#"{"protocol": "sasl_ssl", "mechanism": "PLAIN", "username": "u", "password": "p"}"#), "");
    }
}
