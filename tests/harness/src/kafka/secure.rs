//! Kafka's listener with TLS, whose users have passwords (SASL SCRAM).

use std::fs;

use super::Kafka;
use crate::{Authority, Error, authority::Pair, port::Port};

pub const PASSWORD: &str = "k4fk4pw";

/// The user `onhand` with both mechanisms; it is created with the storage.
pub(super) const USERS: [&str; 4] = [
    "--add-scram",
    "SCRAM-SHA-512=[name=onhand,password=k4fk4pw]",
    "--add-scram",
    "SCRAM-SHA-256=[name=onhand,password=k4fk4pw]",
];

/// Adds a listener to a broker's properties.
pub(super) fn with_listener(properties: &str, port: &Port, by: &Authority) -> Result<String, Error> {
    let (address, store) = (format!(",SECURE://localhost:{}", port.number), store(by)?);
    let mut settings = String::new();
    for line in properties.lines() {
        settings.push_str(line);
        match line.split_once('=').map(|(name, _)| name) {
            Some("listeners" | "advertised.listeners") => settings.push_str(&address),
            Some("listener.security.protocol.map") => settings.push_str(",SECURE:SASL_SSL"),
            _ => {}
        }
        settings.push('\n');
    }
    let root = by.root();
    settings += &format!(
        "sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256
listener.name.secure.scram-sha-512.sasl.jaas.config={LOGIN}
listener.name.secure.scram-sha-256.sasl.jaas.config={LOGIN}
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={store}
listener.name.secure.ssl.truststore.type=PEM
listener.name.secure.ssl.truststore.location={}
listener.name.secure.ssl.client.auth=requested
",
        root.display()
    );
    Ok(settings)
}

const LOGIN: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required;";

/// Key and certificate in one file, as Kafka needs them.
fn store(by: &Authority) -> Result<String, Error> {
    let Pair { cert, key } = by.here("kafka");
    let read = |path: &std::path::Path| fs::read_to_string(path).map_err(Error::file("cannot read", path));
    let path = cert.with_file_name("kafka.store.pem");
    fs::write(&path, format!("{}{}", read(&key)?, read(&cert)?)).map_err(Error::file("cannot write", &path))?;
    Ok(path.display().to_string())
}

impl Kafka {
    /// The listener with TLS and passwords: the user is `onhand`.
    pub fn secure_brokers(&self) -> String {
        format!("localhost:{}", self.tls_port.as_ref().expect("a broker with TLS").number)
    }
}
