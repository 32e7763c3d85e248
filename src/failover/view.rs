//! How every region stands, looked at all at once.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use onhand_client::{Client, EdgeHealth, OriginHealth};
use onhand_origin::{
    feed::FeedEnd,
    site::{Looked, Site},
};

use crate::{
    config::{Config, Member},
    tls::Tls,
};

pub(super) struct View {
    pub(super) regions: Vec<Region>,
    pub(super) feed: FeedEnd,
}

pub(super) struct Region {
    pub(super) name: String,
    pub(super) standby: String,
    pub(super) site: Option<Site>,
    pub(super) database: Result<Looked, String>,
    /// By how much the database's clock is ahead of this machine's, in microseconds.
    pub(super) clock: i64,
    pub(super) origins: Vec<Node<OriginHealth>>,
    pub(super) edges: Vec<Node<EdgeHealth>>,
}

pub(super) struct Node<T> {
    pub(super) url: String,
    pub(super) health: Result<T, String>,
}

impl View {
    /// `patience`: for each answer.
    pub(super) async fn look(config: &Config, tls: &Tls, patience: Duration) -> Self {
        let regions = join_all(config.regions.members.iter().map(|member| Region::look(member, tls, patience)));
        let (regions, feed) = futures_util::join!(regions, feed_end(config));
        Self { regions, feed }
    }

    pub(super) fn region(&self, name: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.name == name)
    }

    pub(super) fn others(&self, name: &str) -> impl Iterator<Item = &Region> {
        self.regions.iter().filter(move |region| region.name != name)
    }

    /// The region whose origins may write, as the highest term tells it.
    pub(super) fn open(&self) -> Option<String> {
        let known = self.regions.iter().filter_map(|region| region.database.as_ref().ok());
        known.max_by_key(|database| database.term).and_then(|database| database.region.clone())
    }

    /// The highest term that any feed, edge or database has seen.
    pub(super) fn highest_term(&self) -> u16 {
        let feed = if let FeedEnd::At { term, .. } = self.feed { term } else { 0 };
        let edges = self.regions.iter().flat_map(|region| &region.edges);
        let edges = edges.filter_map(|edge| edge.health.as_ref().ok()?.term);
        let databases = self.regions.iter().filter_map(|region| Some(region.database.as_ref().ok()?.term));
        edges.chain(databases).max().unwrap_or_default().max(feed)
    }
}

impl Region {
    async fn look(member: &Member, tls: &Tls, patience: Duration) -> Self {
        let (database, origins, edges) = futures_util::join!(
            database(member, patience),
            join_all(addresses(&member.origins).map(|url| ask(url, tls, patience, |client| client.origin_health()))),
            join_all(addresses(&member.edges).map(|url| ask(url, tls, patience, |client| client.edge_health()))),
        );
        let (site, database, clock) = match database {
            Ok((site, looked, clock)) => (Some(site), Ok(looked), clock),
            Err(error) => (None, Err(error), 0),
        };
        let (name, standby) = (member.region.clone(), member.standby().to_owned());
        Self { name, standby, site, database, clock, origins, edges }
    }
}

impl Region {
    /// Its origins may write to its database.
    pub(super) fn is_open(&self) -> bool {
        self.database.as_ref().is_ok_and(|found| !found.in_recovery && found.region.as_ref() == Some(&self.name))
    }

    pub(super) fn is_standby(&self) -> bool {
        self.database.as_ref().is_ok_and(|found| found.in_recovery)
    }

    /// Its database, if that takes writes.
    pub(super) fn primary(&self) -> Option<&Looked> {
        self.database.as_ref().ok().filter(|found| !found.in_recovery)
    }
}

pub(super) fn addresses(listed: &str) -> impl Iterator<Item = String> {
    listed.split(',').map(|url| url.trim().to_owned()).filter(|url| !url.is_empty())
}

async fn database(member: &Member, patience: Duration) -> Result<(Site, Looked, i64), String> {
    if member.database.is_empty() {
        return Err("regions.members: database is not set".to_owned());
    }
    let site = Site::connect(member.database.expose(), patience).await.map_err(|error| error.to_string())?;
    let asked = Instant::now();
    let looked = site.look().await.map_err(|error| error.to_string())?;
    // The answer was made about halfway between.
    let half = i64::try_from(asked.elapsed().as_micros() / 2).unwrap_or_default();
    let clock = looked.clock.micros() + half - now_micros();
    Ok((site, looked, clock))
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(super) async fn ask<T: Send + 'static>(
    url: String,
    tls: &Tls,
    patience: Duration,
    call: impl FnOnce(&Client) -> onhand_client::Call<T>,
) -> Node<T> {
    let client = Client::builder().url(&url).tls(&tls.config()).connect_timeout(patience).try_timeout(patience);
    let client = client.patience(Duration::ZERO).build();
    let health = match client {
        Ok(client) => call(&client).await.map(|reply| reply.value).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    Node { url, health }
}

async fn feed_end(config: &Config) -> FeedEnd {
    if config.kafka.brokers.is_empty() {
        return FeedEnd::Unreachable;
    }
    let end = config.feed().find_end(&config.origin.region).await;
    end.unwrap_or(FeedEnd::Unreachable)
}
