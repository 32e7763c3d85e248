//! Which of the configuration's hops are encrypted, and whether the other side has to prove who it is.

use onhand_http::{
    hop::{Hop, is_local},
    setting::SecretUrl,
};

use super::carried;
use crate::config::Config;

type Found = (&'static str, Result<String, String>);

/// Every configured hop, and its fault if it has one.
pub(super) fn look(config: &Config) -> Vec<Found> {
    let mut found = Vec::new();
    let (database, redis, kafka) = (&config.origin.database, &config.edge.redis, &config.kafka);
    if !database.url.is_empty() {
        let hop = onhand_origin::database_hop(database).map_err(|error| error.to_string());
        let judged = hop.and_then(|hop| judge(hop, "origin.database", "sslmode=verify-full", database.insecure));
        found.push(("hop to origin.database", judged));
    }
    if !kafka.brokers.is_empty() {
        let judged = judge(kafka.brokers().hop(), "kafka", "kafka.security.protocol = \"sasl_ssl\"", kafka.insecure);
        found.push(("hop to kafka", judged));
    }
    for feed in &config.regions.feeds {
        let settings = "regions.feeds.security.protocol = \"sasl_ssl\"";
        found.push(("hop to regions.feeds", judge(feed.brokers().hop(), "regions.feeds", settings, feed.insecure)));
    }
    if !redis.url.is_empty() {
        found.push(("hop to edge.redis", judge(redis.hop(), "edge.redis", "rediss://", redis.insecure)));
    }
    if is_edge(config) {
        let origin = &config.edge.origin;
        found.extend(calls("hop to edge.origin", &origin.urls, "edge.origin", origin.insecure));
    }
    found.extend(calls("hop to auth.jwks_url", [&config.auth.jwks_url], "auth", config.auth.insecure));
    for issuer in &config.auth.issuers {
        found.extend(calls("hop to auth.issuers", [&issuer.jwks_url], "auth.issuers", issuer.insecure));
    }
    let (restock, warehouse) = (&config.origin.restock, &config.origin.warehouse);
    let webhooks = restock.webhooks.iter().map(|webhook| &webhook.url);
    found.extend(calls("hop to origin.restock", webhooks, "origin.restock", restock.insecure));
    let decisions = &config.origin.decisions;
    let webhooks = decisions.webhooks.iter().map(|webhook| &webhook.url);
    found.extend(calls("hop to origin.decisions", webhooks, "origin.decisions", decisions.insecure));
    let alerting = &config.origin.alerting;
    let webhooks = alerting.webhooks.iter().map(|webhook| &webhook.url);
    found.extend(calls("hop to origin.alerting", webhooks, "origin.alerting", alerting.insecure));
    found.extend(calls("hop to origin.warehouse", [&warehouse.url], "origin.warehouse", warehouse.insecure));
    let payment = &config.origin.payment;
    found.extend(calls("hop to origin.payment", [&payment.url], "origin.payment", payment.insecure));
    if !config.console.key_file.is_empty() {
        let console = &config.console;
        let called = [&console.origins, &console.origin_management, &console.edges, &console.edge_management];
        found.extend(calls("hop from console", called.into_iter().flatten(), "console", console.insecure));
    }
    found.extend(listeners(config));
    found
}

fn is_edge(config: &Config) -> bool {
    carried(&config.edge.origin).is_ok_and(|token| !token.is_empty())
}

/// Calls by HTTP or HTTPS.
fn calls<'a>(
    what: &'static str,
    urls: impl IntoIterator<Item = &'a SecretUrl>,
    section: &str,
    insecure: bool,
) -> Vec<Found> {
    let given = urls.into_iter().filter(|url| !url.is_empty());
    let judged = given.map(|url| {
        let hop = Hop::by(url.expose().starts_with("https://"), url.is_local());
        let said = judge(hop, section, "https://", insecure);
        (what, said.map(|said| format!("{url}: {said}")).map_err(|fault| format!("{url}: {fault}")))
    });
    judged.collect()
}

/// The listeners of each node that the configuration is for.
fn listeners(config: &Config) -> Vec<Found> {
    let (edge, origin, tls) = (&config.edge, &config.origin, &config.http.tls);
    let mut addresses = Vec::new();
    if is_edge(config) {
        addresses.extend([("edge.listen", &edge.listen), ("edge.management", &edge.management)]);
    }
    if !origin.database.url.is_empty() {
        addresses.extend([("origin.listen", &origin.listen), ("origin.management", &origin.management)]);
    }
    if !config.console.key_file.is_empty() && !config.console.behind_tls {
        addresses.push(("console.listen", &config.console.listen));
    }
    let judged = addresses.into_iter().map(|(key, address)| {
        let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
        let encrypted = if tls.client_ca_file.is_empty() { "encrypted" } else { "encrypted, and callers are verified" };
        let hop = Hop::by(false, is_local(host));
        let judged = || judge(hop, "http.tls", "http.tls.cert_file", tls.insecure);
        (key, if tls.is_on() { Ok(encrypted.to_owned()) } else { judged() })
    });
    judged.collect()
}

/// `instead`: what would be better; `section`: where `insecure` can be set.
fn judge(hop: Hop, section: &str, instead: &str, insecure: bool) -> Result<String, String> {
    match hop {
        Hop::Local => Ok("stays on this machine".to_owned()),
        Hop::Verified => Ok("encrypted and verified".to_owned()),
        Hop::AnyName => Ok(format!("encrypted and verified but for the name; {instead} verifies that, too")),
        Hop::Unverified => Ok(format!("encrypted, not verified; {instead} verifies")),
        Hop::Clear if insecure => Ok("in the clear, as insecure = true allows".to_owned()),
        Hop::Clear => Err(format!("leaves this machine in the clear: use {instead}, or set {section}.insecure = true")),
    }
}
