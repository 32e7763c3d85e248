//! What every client of Kafka has in common: where the brokers are, and how they are spoken to.

mod options;
mod security;
pub mod topic_id;

use onhand_http::{hop::Hop, setting::SecretUrl};
use rdkafka::ClientConfig;

pub use self::{
    options::Options,
    security::{Mechanism, Protocol, Security},
};

/// Brokers, and how they are spoken to.
#[derive(Debug, Clone, Default)]
pub struct Brokers {
    /// `HOST:PORT`, several with commas.
    pub addresses: SecretUrl,
    pub security: Security,
    pub options: Options,
}

impl Brokers {
    /// By plain TCP.
    pub fn plain(addresses: &str) -> Self {
        Self { addresses: SecretUrl::new(addresses), ..Self::default() }
    }

    /// The settings of a client, of which `own` are its own.
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

    /// How safe the way to them is.
    pub fn hop(&self) -> Hop {
        match Hop::by(self.security.protocol.has_tls(), self.addresses.is_local()) {
            Hop::Verified if self.options.verify_less() => Hop::Unverified,
            hop => hop,
        }
    }

    /// What is wrong with how they are spoken to, key by key.
    pub fn faults(&self) -> Vec<String> {
        self.security.faults().into_iter().chain(self.options.faults()).collect()
    }
}
