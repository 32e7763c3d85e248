//! Kafka's listeners with TLS, whose users have passwords (SASL).

use std::{fmt::Write, fs};

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

/// How a broker with TLS can be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// TLS, and a password by SCRAM or PLAIN.
    Password,
    /// TLS, and the caller's own certificate.
    Certificate,
    /// As [`Listener::Password`], with a certificate that was good once.
    Expired,
    /// As [`Listener::Password`], with a certificate for another name.
    Elsewhere,
}

const ALL: [Listener; 4] = [Listener::Password, Listener::Certificate, Listener::Expired, Listener::Elsewhere];

/// Where each of them is.
pub(super) struct Ports([Port; ALL.len()]);

impl Ports {
    pub(super) fn reserve() -> Self {
        Self(ALL.map(|_| Port::reserve()))
    }

    fn of(&self, listener: Listener) -> u16 {
        self.0[listener as usize].number
    }
}

impl Listener {
    fn name(self) -> &'static str {
        match self {
            Self::Password => "secure",
            Self::Certificate => "mutual",
            Self::Expired => "expired",
            Self::Elsewhere => "elsewhere",
        }
    }

    fn shows(self, by: &Authority) -> Pair {
        match self {
            Self::Password => by.here("kafka"),
            Self::Certificate => by.here("kafka-mutual"),
            Self::Expired => by.expired("kafka-expired"),
            Self::Elsewhere => by.elsewhere("kafka-elsewhere"),
        }
    }

    fn settings(self, by: &Authority) -> Result<String, Error> {
        let (name, store, root) = (self.name(), store(&self.shows(by))?, by.root());
        let asks = if self == Self::Certificate { "required" } else { "none" };
        let tls = format!(
            "listener.name.{name}.ssl.keystore.type=PEM
listener.name.{name}.ssl.keystore.location={store}
listener.name.{name}.ssl.truststore.type=PEM
listener.name.{name}.ssl.truststore.location={}
listener.name.{name}.ssl.client.auth={asks}
",
            root.display()
        );
        let passwords = format!(
            "listener.name.{name}.sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.{name}.scram-sha-512.sasl.jaas.config={SCRAM} required;
listener.name.{name}.scram-sha-256.sasl.jaas.config={SCRAM} required;
listener.name.{name}.plain.sasl.jaas.config={PLAIN} required user_onhand=\"{PASSWORD}\";
"
        );
        Ok(if self == Self::Certificate { tls } else { tls + &passwords })
    }
}

/// Adds the listeners to a broker's properties.
pub(super) fn with_listeners(properties: &str, ports: &Ports, by: &Authority) -> Result<String, Error> {
    let (mut addresses, mut protocols) = (String::new(), String::new());
    for listener in ALL {
        let name = listener.name().to_uppercase();
        let protocol = if listener == Listener::Certificate { "SSL" } else { "SASL_SSL" };
        let _ = write!(addresses, ",{name}://localhost:{}", ports.of(listener));
        let _ = write!(protocols, ",{name}:{protocol}");
    }
    let mut settings = String::new();
    for line in properties.lines() {
        settings.push_str(line);
        match line.split_once('=').map(|(name, _)| name) {
            Some("listeners" | "advertised.listeners") => settings.push_str(&addresses),
            Some("listener.security.protocol.map") => settings.push_str(&protocols),
            _ => {}
        }
        settings.push('\n');
    }
    settings += "sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN\n";
    for listener in ALL {
        settings += &listener.settings(by)?;
    }
    Ok(settings)
}

const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

/// Key and certificate in one file, as Kafka wants them.
fn store(Pair { cert, key }: &Pair) -> Result<String, Error> {
    let read = |path: &std::path::Path| fs::read_to_string(path).map_err(Error::file("cannot read", path));
    let path = cert.with_extension("store.pem");
    fs::write(&path, format!("{}{}", read(key)?, read(cert)?)).map_err(Error::file("cannot write", &path))?;
    Ok(path.display().to_string())
}

impl Kafka {
    /// The listener with TLS and passwords: the user is `onhand`.
    pub fn secure_brokers(&self) -> String {
        self.brokers_by(Listener::Password)
    }

    pub fn brokers_by(&self, listener: Listener) -> String {
        format!("localhost:{}", self.tls_ports.as_ref().expect("a broker with TLS").of(listener))
    }
}
