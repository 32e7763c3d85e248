//! The rows against every hash that L2 holds.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use onhand_checker::Key;
use onhand_http::setting::SecretUrl;
use onhand_wire::{Fact, Sku, l2, partition};
use redis::{AsyncCommands, aio::MultiplexedConnection};

use super::{Check, Error};

/// L2's writer follows the feed by itself: a difference counts only if it stays.
const SETTLES: Duration = Duration::from_secs(30);

/// `ca_file`: roots that are believed instead of the system's where the URL is `rediss://`; empty: the system's.
pub(crate) async fn compare(facts: &HashMap<Key, Fact>, url: Option<&str>, ca_file: &str) -> Result<Check, Error> {
    let Some(url) = url else {
        return Ok(Check { left_out: Some("no --redis given"), ..new() });
    };
    let failed = |source| Error::Redis { url: SecretUrl::new(url), source };
    let client = open(url, ca_file).map_err(failed)?;
    let mut connection = client.get_multiplexed_async_connection().await.map_err(failed)?;
    let began = Instant::now();
    loop {
        let check = compare_once(facts, &mut connection).await.map_err(failed)?;
        if check.holds() || began.elapsed() > SETTLES {
            return Ok(check);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn open(url: &str, ca_file: &str) -> redis::RedisResult<redis::Client> {
    if ca_file.is_empty() || !url.starts_with("rediss://") {
        return redis::Client::open(url);
    }
    let root_cert = Some(std::fs::read(ca_file)?);
    redis::Client::build_with_tls(url, redis::TlsCertificates { client_tls: None, root_cert })
}

fn new() -> Check {
    Check::new("rows = L2", "facts")
}

async fn compare_once(facts: &HashMap<Key, Fact>, connection: &mut MultiplexedConnection) -> redis::RedisResult<Check> {
    let mut check = new();
    let mut by_sku: HashMap<&str, Vec<&Fact>> = HashMap::new();
    facts.values().for_each(|fact| by_sku.entry(fact.sku.as_str()).or_default().push(fact));
    let partitions = scan(connection, "onhand:{*}:offset").await?.len();
    for name in scan(connection, "onhand:{*}:sku:*").await? {
        let Some(sku) = name.split_once("}:sku:").and_then(|(_, sku)| Sku::new(sku).ok()) else {
            check.compare(false, || format!("{name}: not a key of L2's form"));
            continue;
        };
        // A hash of a SKU that this run did not touch is not ours to judge.
        let Some(expected) = by_sku.get(sku.as_str()) else { continue };
        let hash: HashMap<String, Vec<u8>> = connection.hgetall(&name).await?;
        let own = l2::key(partition::of(sku.as_str(), i32::try_from(partitions).unwrap_or(i32::MAX)), &sku);
        if name != own {
            check.mismatch(|| format!("{name}: its writer, of {partitions}, keeps {own}"));
        }
        compare_hash(&mut check, &hash, expected);
    }
    Ok(check)
}

fn compare_hash(check: &mut Check, hash: &HashMap<String, Vec<u8>>, expected: &[&Fact]) {
    for fact in expected {
        let (sku, location) = (&fact.sku, &fact.location);
        let held: Option<Fact> = hash.get(location.as_str()).and_then(|bytes| l2::decode_field(bytes).ok());
        let shown =
            |fact: &Fact| format!("version {}, {} on hand, {} reserved", fact.version, fact.on_hand, fact.reserved);
        let same = held.as_ref().is_some_and(|held| shown(held) == shown(fact));
        check.compare(same, || {
            let held = held.as_ref().map_or("nothing that can be read".to_owned(), shown);
            format!("{sku} at {location}: L2 has {held}; the row is {}", shown(fact))
        });
    }
    let known: HashSet<&str> = expected.iter().map(|fact| fact.location.as_str()).collect();
    for location in hash.keys().filter(|name| *name != l2::ITEM && !known.contains(name.as_str())) {
        check.compare(false, || format!("{} at {location}: L2 has what no row is", expected[0].sku));
    }
}

async fn scan(connection: &mut MultiplexedConnection, pattern: &str) -> redis::RedisResult<HashSet<String>> {
    let mut names = HashSet::new();
    let mut cursor = 0_u64;
    loop {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000);
        let (next, found): (u64, Vec<String>) = command.query_async(connection).await?;
        names.extend(found);
        if next == 0 {
            return Ok(names);
        }
        cursor = next;
    }
}
