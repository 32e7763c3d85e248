//! The target proves itself: it writes, its feeds tell of the new term, and edges have heard of it.

use std::time::Duration;

use futures_util::future::join_all;
use onhand_client::Client;
use onhand_origin::site::{Opened, Site};
use onhand_wire::{Sku, request::PutItem};
use serde_json::json;

use super::{
    Failure, To,
    report::Report,
    view::{addresses, ask},
};
use crate::config::{Config, Member};

const AGAIN: Duration = Duration::from_millis(25);
/// Edges of a lost region never hear of it.
const EDGES: Duration = Duration::from_secs(5);

pub(super) async fn prove(
    to: &To,
    config: &Config,
    site: &Site,
    opened: &Opened,
    report: &mut Report,
) -> Result<(), Failure> {
    let Some(member) = config.regions.member(&to.region) else { return Ok(()) };
    match to.how.token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => {
            write(to, member, token, opened).await?;
            report.done("first write");
        }
        None => report.note("no --token was given: that the target holds and gives back was not tried"),
    }
    watermark(site, opened, &to.region).await?;
    report.done("watermark");
    let (at, all, silent) = edges(to, config, opened).await;
    report.edges(at, all, &silent);
    feeds(site, opened, report).await
}

/// An item of the failover's own is put, held, given back and deleted, through whichever origin answers.
async fn write(to: &To, member: &Member, token: &str, opened: &Opened) -> Result<(), Failure> {
    let client = Client::builder().urls(addresses(&member.origins)).token(token).tls(&to.how.tls.config());
    let client =
        client.connect_timeout(to.how.patience).try_timeout(to.how.patience).patience(to.how.deadline).build()?;
    let sku = Sku::new(&format!("onhand-failover-{}", opened.id.simple()))?;
    let item: PutItem = serde_json::from_value(json!({"name": "Proof of a failover", "active": true}))?;
    client.put_item(&sku, &item).await?;
    let locations = client.list("/inventory/locations").items(1000).await?;
    if let Some(location) = locations.iter().find(|location| location["enabled"] != false) {
        let stock = json!({"location": location["location"], "quantity": 1, "reason": "proof of a failover"});
        client.set_stock(&sku, &serde_json::from_value(stock)?).await?;
        let hold = json!({"lines": [{"sku": sku, "quantity": 1}], "ttl_s": 60});
        let held = client.hold(&serde_json::from_value(hold)?).key(format!("failover-{}", opened.id)).await?;
        client.cancel(held.value.id, &serde_json::from_value(json!({}))?).await?;
        let stock = json!({"location": location["location"], "quantity": 0, "reason": "proof of a failover"});
        client.set_stock(&sku, &serde_json::from_value(stock)?).await?;
    }
    client.delete_item(&sku).await?;
    Ok(())
}

/// The region's own feed has acknowledged a watermark of the new term.
async fn watermark(site: &Site, opened: &Opened, region: &str) -> Result<(), Failure> {
    loop {
        let feeds = site.feeds().await?;
        if feeds.iter().any(|feed| feed.feed == region && feed.told.is_some_and(|told| told > opened.at)) {
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// How many of the edges that answer are at the term, of how many, and which do not answer.
async fn edges(to: &To, config: &Config, opened: &Opened) -> (usize, usize, Vec<String>) {
    let until = tokio::time::Instant::now() + EDGES;
    loop {
        let urls = config.regions.members.iter().flat_map(|member| addresses(&member.edges));
        let asked = urls.map(|url| ask(url, &to.how.tls, to.how.patience, |client| client.edge_health()));
        let (mut at, mut answering, mut silent) = (0, 0, Vec::new());
        for edge in join_all(asked).await {
            match edge.health {
                Ok(health) => {
                    answering += 1;
                    at += usize::from(health.term.is_some_and(|term| term >= opened.term));
                }
                Err(_) => silent.push(edge.url),
            }
        }
        if at == answering || tokio::time::Instant::now() > until {
            return (at, answering, silent);
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Other regions' feeds may be lost with their region.
async fn feeds(site: &Site, opened: &Opened, report: &mut Report) -> Result<(), Failure> {
    for feed in site.feeds().await? {
        if feed.told.is_none_or(|told| told <= opened.at) {
            report.note(&format!("the feed of {} has no watermark of the new term ({})", feed.feed, feed.state));
        }
    }
    Ok(())
}
