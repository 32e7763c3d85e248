//! `[regions]`: the Kafka of each other region, which this one's origins feed too.

use onhand_http::setting::{SecretUrl, Span};
use onhand_kafka::{Brokers, Options, Security};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Regions {
    /// How long a region's feed may acknowledge nothing while another region's does, 1 s or more; then nothing is kept
    /// for it, and when it is back it is filled anew with every row.
    pub(crate) feed_patience: Span,
    /// The other regions' Kafka, at origins. The own region's is `[kafka]`; topics are named and made alike.
    pub(crate) feeds: Vec<Feed>,
}

/// `[[regions.feeds]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Feed {
    /// That region's name, as `origin.region` is there.
    pub(crate) region: String,
    /// `HOST:PORT`, several with commas.
    pub(crate) brokers: SecretUrl,
    /// `onhand check` does not mind that it leaves the machine in the clear.
    pub(crate) insecure: bool,
    pub(crate) security: Security,
    pub(crate) options: Options,
}

impl Default for Regions {
    fn default() -> Self {
        Self { feed_patience: Span::s(300), feeds: Vec::new() }
    }
}

impl Regions {
    pub(super) fn faults(&self, own: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if self.feed_patience < Span::s(1) {
            faults.push("regions.feed_patience: must be 1s or more".to_owned());
        }
        for (index, feed) in self.feeds.iter().enumerate() {
            let earlier = self.feeds[..index].iter().any(|earlier| earlier.region == feed.region);
            if feed.region.is_empty() || feed.region == own || earlier {
                let fault = "regions.feeds: each needs a region of its own, other than origin.region";
                faults.push(format!("{fault}; {:?} is not", feed.region));
            }
            if feed.brokers.is_empty() {
                faults.push(format!("regions.feeds: {:?} has no brokers", feed.region));
            }
            faults.extend(feed.brokers.hosts_fault("regions.feeds.brokers"));
            faults.extend(feed.brokers().faults());
        }
        faults
    }
}

impl Feed {
    pub(crate) fn brokers(&self) -> Brokers {
        let Self { brokers, security, options, .. } = self.clone();
        Brokers { addresses: brokers, security, options }
    }
}
