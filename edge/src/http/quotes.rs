//! `POST /v1/quotes`: what lines cost and where they would come from, with the same promise of freshness as a lookup.

use std::time::Instant;

use http::StatusCode;
use onhand_http::{body::require_json, query::no_parameters};
use onhand_wire::{
    Item, Problem, Sku, Stock,
    request::{self, AskQuote},
};

use super::{
    Asked, Failure, Reply, ask,
    availability::{Moment, unknown_sku},
    query, whole,
};
use crate::{
    cache::Loaded,
    node::Node,
    quote::{self, Scene},
};

pub(super) async fn post(node: &Node, asked: Asked<'_>) -> Result<Reply, Failure> {
    let began = Instant::now();
    let peer = asked.peer;
    let (head, content) = asked.request.into_parts();
    node.auth.may_read(&head.headers)?;
    no_parameters(head.uri.query())?;
    require_json(&head.headers)?;
    let content = whole(node, content).await?;
    let wanted: AskQuote = request::read(&content)?;
    let moment = Moment::begin(node, &head.headers, Instant::now()).await?;
    let snapshot = node.topology.snapshot();
    let channel = wanted.channel.as_ref().map(|id| ask::known_channel(&snapshot, id)).transpose()?;
    let skus: Vec<Sku> = wanted.lines.iter().map(|line| line.sku.clone()).collect();
    let loaded = node.cache.all(&skus, &moment.need, || super::asking(node, &head.headers, peer).caller()).await?;
    let stocks = skus.iter().zip(&loaded).enumerate().map(|(line, (sku, loaded))| known(line, sku, loaded));
    let stocks = stocks.collect::<Result<Vec<_>, _>>()?;
    let scene = Scene { channel, snapshot: &snapshot, rules: &node.rules, at: moment.as_of.t };
    let quote = quote::quote(&wanted, &stocks, &scene)?;
    let body = serde_json::to_vec(&quote).expect("plain data encodes");
    let reply = query::promised(node, &moment, &skus, &loaded, super::json(StatusCode::OK, body));
    node.metrics.lookup_took(began.elapsed());
    Ok(reply)
}

fn known<'a>(line: usize, sku: &Sku, loaded: &'a Loaded) -> Result<(&'a Item, &'a Stock), Problem> {
    let stock = &loaded.entry.stock;
    let item = stock.item.as_ref().filter(|item| !item.deleted);
    item.map(|item| (item, stock)).ok_or_else(|| unknown_sku(&format!("lines[{line}].sku"), sku.as_str()))
}
