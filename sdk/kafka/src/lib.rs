//! What all Kafka clients have in common: where the brokers are, and how to connect to them.

mod options;
mod security;
pub mod topic_id;

use onhand_http::{hop::Hop, setting::SecretUrl};
use rdkafka::ClientConfig;

pub use self::{
    options::Options,
    security::{Mechanism, Protocol, Security},
};

/// Brokers, and how to connect to them.
#[derive(Debug, Clone, Default)]
pub struct Brokers {
    /// `HOST:PORT`, or several separated by commas.
    pub addresses: SecretUrl,
    pub security: Security,
    pub options: Options,
}

impl Brokers {
    /// By plain TCP.
    pub fn plain(addresses: &str) -> Self {
        Self { addresses: SecretUrl::new(addresses), ..Self::default() }
    }

    /// The settings of a client; `own` are set by that client.
    pub fn client(&self, own: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.options.set_on(&mut config);
        config.set("bootstrap.servers", self.addresses.expose());
        self.security.set_on(&mut config);
        for (key, value) in own {
            debug_assert!(options::is_taken(key), "{key} is missing in the list of what Onhand sets itself");
            config.set(*key, *value);
        }
        config
    }

    /// How safe the hop to them is.
    pub fn hop(&self) -> Hop {
        match Hop::by(self.security.protocol.has_tls(), self.addresses.is_local()) {
            Hop::Verified if self.options.verify_less() => Hop::Unverified,
            hop => hop,
        }
    }

    /// What is wrong with the settings, key by key.
    pub fn faults(&self) -> Vec<String> {
        self.security.faults().into_iter().chain(self.options.faults()).collect()
    }
}
