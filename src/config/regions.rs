//! `[regions]`: what each region knows about the others.

use onhand_http::setting::{SecretUrl, Span};
use onhand_kafka::{Brokers, Options, Security};
use onhand_origin::Among;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Regions {
    /// `zero`: nothing is committed that no other region's standby has confirmed, so a region that is lost takes
    /// nothing with it. `async`: it may take what its standby had not yet got.
    pub(crate) rpo: Rpo,
    /// Whether a region that a failover has opened writes before another region confirms its commits: `write` or
    /// `refuse`.
    pub(crate) alone: Alone,
    /// All regions, this one too: alike and in the same order in every region, new ones last, at most 16. Without them
    /// there is one region.
    pub(crate) members: Vec<Member>,
    /// How long a region's feed may acknowledge nothing while another region's does, 1 s or more; then nothing is kept
    /// for it, and when it is back it is filled anew with every row.
    pub(crate) feed_patience: Span,
    /// The other regions' Kafka, at origins. The own region's is `[kafka]`; topics are named and made alike.
    pub(crate) feeds: Vec<Feed>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rpo {
    #[default]
    Zero,
    Async,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Alone {
    #[default]
    Write,
    Refuse,
}

/// `[[regions.members]]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Member {
    /// As `origin.region` is there.
    pub(crate) region: String,
    /// The name of its standby in other regions' `synchronous_standby_names` (the standby's `application_name` in
    /// `primary_conninfo`); without it, the region's name.
    pub(crate) standby: String,
    /// For `onhand failover`: `postgres://…` of this region's server alone, as a role that may promote it.
    pub(crate) database: SecretUrl,
    /// For `onhand failover`: its origins' API listeners, `http://HOST:PORT`, several with commas.
    pub(crate) origins: String,
    /// For `onhand failover`: its edges' public listeners, likewise.
    pub(crate) edges: String,
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
        let (rpo, alone) = (Rpo::default(), Alone::default());
        Self { rpo, alone, members: Vec::new(), feed_patience: Span::s(300), feeds: Vec::new() }
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
        faults.extend(self.member_faults());
        faults
    }

    /// An origin's own region must be one of them.
    pub(super) fn home_faults(&self, own: &str) -> Vec<String> {
        if self.members.is_empty() || self.member(own).is_some() {
            return Vec::new();
        }
        vec![format!("regions.members: origin.region {own:?} is not among them")]
    }

    fn member_faults(&self) -> Vec<String> {
        let named = |region: &str| self.members.iter().filter(|member| member.region == region).count();
        let mut faults = Vec::new();
        if self.members.is_empty() {
            return faults;
        }
        if self.members.len() > usize::from(onhand_origin::REGIONS) {
            faults.push(format!("regions.members: at most {}", onhand_origin::REGIONS));
        }
        for member in &self.members {
            if member.region.is_empty() || named(&member.region) > 1 {
                faults.push(format!("regions.members: each needs a region of its own; {:?} is not", member.region));
            }
        }
        let unknown = self.feeds.iter().filter(|feed| named(&feed.region) == 0);
        faults.extend(unknown.map(|feed| format!("regions.feeds: {:?} is not among regions.members", feed.region)));
        faults
    }

    /// What origins of the region need; none where there is one region only.
    pub(crate) fn among(&self, own: &str) -> Option<Among> {
        let number = self.members.iter().position(|member| member.region == own)?;
        let others = self.members.iter().filter(|member| member.region != own);
        Some(Among {
            number: u16::try_from(number).unwrap_or_default(),
            standbys: others.map(|member| member.standby().to_owned()).collect(),
            confirmed: self.rpo == Rpo::Zero,
            alone: self.alone == Alone::Write,
        })
    }

    pub(crate) fn member(&self, region: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.region == region)
    }
}

impl Member {
    pub(crate) fn standby(&self) -> &str {
        if self.standby.is_empty() { &self.region } else { &self.standby }
    }
}

impl Feed {
    pub(crate) fn brokers(&self) -> Brokers {
        let Self { brokers, security, options, .. } = self.clone();
        Brokers { addresses: brokers, security, options }
    }
}
