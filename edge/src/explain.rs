//! What this node holds of a SKU, and what channels are shown: for operators, and for the self-audit's log.

use std::time::Instant;

use onhand_rules::Rules;
use onhand_wire::{
    Channel, Sku, Stock,
    explain::{self, Explained, Shown},
    partition,
};

use crate::{
    node::Node,
    topology::Snapshot,
    view::{self, Ask},
};

/// The most channels that are shown: a catalogue has thousands of SKUs, but a shop has few channels.
const CHANNELS: usize = 100;

/// Reads the node's state **before** its tiers: what they hold may be newer than that, but never older.
pub(crate) async fn explain(node: &Node, sku: Sku) -> Explained {
    let standing = standing(node, &sku);
    let as_of = standing.as_of.unwrap_or_default();
    let (l2, recent, l1) = node.cache.inspect(&sku, standing.partition, standing.log.as_deref(), as_of).await;
    let stock = seen(l1.as_ref(), &l2, &recent);
    let shown = stock.map(|stock| shown(node, &sku, &stock)).unwrap_or_default();
    Explained { sku, node: standing, l1, recent, l2, shown }
}

fn standing(node: &Node, sku: &Sku) -> explain::Node {
    let partition = partition::of(sku.as_str(), node.position.partitions().max(1));
    let terms = node.freshness.terms();
    explain::Node {
        region: node.region.clone(),
        build: node.build.clone(),
        mode: node.mode().as_str().to_owned(),
        as_of: node.freshness.as_of().map(|held| held.t),
        staleness_ms: node.freshness.staleness(Instant::now()).map(|age| age.as_millis() as u64),
        term: terms.term,
        good_since: terms.good_since,
        partition,
        position: node.position.next_offset(partition),
        log: node.position.log_id().map(|log| log.to_string()),
    }
}

/// What a lookup would answer from.
fn seen(l1: Option<&explain::L1>, l2: &explain::L2, recent: &explain::Recent) -> Option<Stock> {
    if let Some(l1) = l1 {
        return Some(l1.stock.clone());
    }
    let mut stock = l2.stock.clone().filter(|_| l2.counts)?;
    stock.join(recent.stock.clone().unwrap_or_default());
    Some(stock)
}

/// Without a channel, then by each channel that one of its locations serves.
fn shown(node: &Node, sku: &Sku, stock: &Stock) -> Vec<Shown> {
    if !stock.known() {
        return Vec::new();
    }
    let snapshot = node.topology.snapshot();
    let serves = |channel: &&Channel| channel.locations.iter().any(|at| stock.fact(at.as_str()).is_some());
    let mut channels: Vec<_> = snapshot.channels().filter(serves).collect();
    channels.sort_by_key(|channel| &channel.channel);
    let each = std::iter::once(None).chain(channels.into_iter().take(CHANNELS).map(Some));
    each.map(|channel| shown_to(node, sku, stock, channel, &snapshot)).collect()
}

fn shown_to(node: &Node, sku: &Sku, stock: &Stock, channel: Option<&Channel>, snapshot: &Snapshot) -> Shown {
    let ask = Ask { channel, ..Ask::default() };
    let id = channel.map(|channel| channel.channel.clone());
    let rule = node.rules.view_name(id.as_ref());
    let (shown, lasts) = view::availability(sku, stock, ask, snapshot, &node.rules);
    let (plain, _) = view::availability(sku, stock, ask, snapshot, &Rules::none());
    let changed = plain != shown;
    Shown { channel: id, shown, without_rule: changed.then_some(plain), rule_failed: rule.is_some() && !lasts, rule }
}
