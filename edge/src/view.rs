//! What a channel sees: renders facts, topology and rules into a body, which is kept with the entry.

use std::{borrow::Cow, hash::Hasher, sync::Arc};

use bytes::Bytes;
use http::HeaderValue;
use onhand_rules::{Fault, Presentation, Rules, ViewInput, ViewLocation};
use onhand_wire::{
    Channel, Fact, LocationId, Sku, Stock,
    availability::{AtLocation, Availability, Status},
};

use crate::{
    entry::{Bodies, Entry, RenderedBody},
    topology::Snapshot,
};

/// Bodies kept with one entry; for more channels than this they are rendered again.
const BODIES: usize = 16;

/// A lookup's question, with its names resolved.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) channel: Option<&'a Channel>,
    /// Only these locations; `None` means all.
    pub(crate) locations: Option<&'a [LocationId]>,
    pub(crate) quantity: Option<i64>,
}

impl Ask<'_> {
    /// Whether it is a common question, whose bodies are kept.
    fn is_common(&self) -> bool {
        self.locations.is_none() && self.quantity.is_none()
    }
}

/// The body for `ask`; common ones are kept with the entry. `None` if there is no such SKU.
pub(crate) fn rendered(entry: &Entry, ask: Ask<'_>, snapshot: &Snapshot, rules: &Rules) -> Option<RenderedBody> {
    let sku = known(entry)?;
    let release = rules.release();
    if let Some(body) = kept(entry.bodies.load().as_deref(), ask, snapshot, release) {
        return Some(body.clone());
    }
    Some(rendered_anew(entry, sku, ask, snapshot, rules, release))
}

/// Appends the body without copying it first. False if there is no such SKU.
pub(crate) fn append(
    entry: &Entry,
    ask: Ask<'_>,
    snapshot: &Snapshot,
    rules: &Rules,
    release: u64,
    into: &mut Vec<u8>,
) -> bool {
    let Some(sku) = known(entry) else { return false };
    match kept(entry.bodies.load().as_deref(), ask, snapshot, release) {
        Some(body) => into.extend_from_slice(&body.body),
        None => into.extend_from_slice(&rendered_anew(entry, sku, ask, snapshot, rules, release).body),
    }
    true
}

fn known(entry: &Entry) -> Option<&Sku> {
    entry.stock.item.as_ref().filter(|item| !item.deleted).map(|item| &item.sku)
}

fn kept<'a>(bodies: Option<&'a Bodies>, ask: Ask<'_>, snapshot: &Snapshot, release: u64) -> Option<&'a RenderedBody> {
    let bodies = bodies.filter(|_| ask.is_common())?;
    bodies.iter().find(|body| body.counts(ask.channel, snapshot, release))
}

fn rendered_anew(
    entry: &Entry,
    sku: &Sku,
    ask: Ask<'_>,
    snapshot: &Snapshot,
    rules: &Rules,
    release: u64,
) -> RenderedBody {
    let (shown, lasts) = availability(sku, &entry.stock, ask, snapshot, rules);
    let body = render(&shown, ask, snapshot, release);
    if ask.is_common() && lasts {
        keep(entry, &body);
    }
    body
}

fn render(shown: &Availability, ask: Ask<'_>, snapshot: &Snapshot, release: u64) -> RenderedBody {
    let body = Bytes::from(serde_json::to_vec(shown).expect("plain data encodes"));
    let channel = ask.channel.map(|channel| channel.channel.clone());
    RenderedBody { channel, topology: snapshot.version, release, etag: etag(&body), body }
}

/// The tag depends only on the body, so that two nodes give the same.
pub(crate) fn etag(body: &[u8]) -> HeaderValue {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(body);
    HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish())).expect("hex digits are ASCII")
}

/// Replaces the channel's older body; if a concurrent caller overwrites one, that costs a rendering.
fn keep(entry: &Entry, body: &RenderedBody) {
    let held = entry.bodies.load();
    let others = held.iter().flat_map(|bodies| bodies.iter()).filter(|held| held.channel != body.channel);
    let bodies = std::iter::once(body).chain(others).take(BODIES).cloned().collect();
    entry.bodies.store(Some(Arc::new(bodies)));
}

/// What `ask` shows of the facts, and whether it may be kept: plain facts that replace a failed rule's answer are not
/// kept.
pub(crate) fn availability(
    sku: &Sku,
    stock: &Stock,
    ask: Ask<'_>,
    snapshot: &Snapshot,
    rules: &Rules,
) -> (Availability, bool) {
    let active = stock.item.as_ref().is_none_or(|item| item.active);
    let stock = &*if active { Cow::Borrowed(stock) } else { Cow::Owned(withdrawn(stock)) };
    let facts = serving(stock, ask, snapshot);
    let presented = present(sku, stock, &facts, ask, snapshot, rules);
    let lasts = !matches!(presented, Some(Err(_)));
    // If a rule must not fail open, nothing is shown when it fails.
    let nothing = |fault: Fault| fault.refuse.then(|| Presentation { locations: Vec::new(), label: None });
    let presented = presented.and_then(|presented| presented.map_or_else(nothing, Some));
    let label = presented.as_ref().and_then(|presented| presented.label.clone());
    let counted = facts.into_iter().filter_map(|fact| Some((fact, shown(fact, presented.as_ref())?)));
    let (facts, locations): (Vec<&Fact>, Vec<AtLocation>) = counted.unzip();
    let shown = Availability {
        sku: sku.clone(),
        available: locations.iter().map(|location| location.available).sum(),
        status: locations.iter().map(|location| location.status).max().unwrap_or(Status::OutOfStock),
        active,
        // Whether they could be held: of the facts themselves, whatever a rule makes of the numbers.
        sellable: ask.quantity.map(|quantity| facts.iter().map(|fact| fact.holdable()).sum::<i64>() >= quantity),
        label,
        restock_at: facts.iter().filter_map(|fact| fact.restock_at.as_ref()).min_by_key(|at| at.as_str()).cloned(),
        locations,
    };
    (shown, lasts)
}

/// As if there were nothing of it anywhere: what rules are shown, too.
fn withdrawn(stock: &Stock) -> Stock {
    let nothing = |fact: &Fact| Fact { on_hand: 0, backorder_limit: 0, restock_at: None, ..fact.clone() };
    Stock { item: stock.item.clone(), facts: stock.facts.iter().map(nothing).collect() }
}

/// The facts that count, in the order in which they would serve: the channel's, else priority, then
/// id. Disabled locations and deleted facts count for nothing.
fn serving<'a>(stock: &'a Stock, ask: Ask<'_>, snapshot: &Snapshot) -> Vec<&'a Fact> {
    let asked = |id: &LocationId| ask.locations.is_none_or(|asked| asked.contains(id));
    let counts = |fact: &&Fact| !fact.deleted && asked(&fact.location) && snapshot.rank(&fact.location).is_some();
    let Some(channel) = ask.channel else {
        let mut facts: Vec<_> = stock.facts.iter().filter(counts).collect();
        facts.sort_by_key(|fact| snapshot.rank(&fact.location));
        return facts;
    };
    let listed = channel.locations.iter().filter_map(|location| stock.fact(location.as_str()));
    listed.filter(counts).collect()
}

/// What the `view` rule shows of them, if there is one.
fn present(
    sku: &Sku,
    stock: &Stock,
    facts: &[&Fact],
    ask: Ask<'_>,
    snapshot: &Snapshot,
    rules: &Rules,
) -> Option<Result<Presentation, Fault>> {
    if !rules.has_view() {
        return None;
    }
    let locations = facts.iter().map(|fact| ViewLocation {
        location: fact.location.clone(),
        available: fact.available(),
        backorderable: fact.backorderable(),
        low_stock_at: fact.low_stock_at,
        pickup: snapshot.location(fact.location.as_str()).is_some_and(|location| location.pickup),
    });
    let input = ViewInput {
        channel: ask.channel.map(|channel| channel.channel.clone()),
        sku: sku.clone(),
        name: stock.item.as_ref().map(|item| item.name.clone()),
        locations: locations.collect(),
    };
    rules.view(&input)
}

/// One location as it is shown; `None` if the rule hides it.
fn shown(fact: &Fact, presented: Option<&Presentation>) -> Option<AtLocation> {
    let (available, backorderable) = match presented {
        None => (fact.available(), fact.backorderable()),
        Some(presented) => {
            let shown = presented.locations.iter().find(|shown| shown.location == fact.location)?;
            (shown.available, shown.backorderable)
        }
    };
    Some(AtLocation {
        location: fact.location.clone(),
        available,
        backorderable,
        status: status(available, backorderable, fact.low_stock_at),
        restock_at: fact.restock_at.clone(),
        version: fact.version.to_string(),
    })
}

fn status(available: i64, backorderable: i64, low_stock_at: i64) -> Status {
    match available {
        1.. if available <= low_stock_at => Status::LowStock,
        1.. => Status::InStock,
        _ if backorderable > 0 => Status::Backorder,
        _ => Status::OutOfStock,
    }
}

#[cfg(test)]
mod tests;
