//! What the cache holds of one SKU: its facts, and the bodies that were rendered from them.

use std::time::Instant;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use onhand_wire::{Channel, ChannelId, Stock};
use smallvec::SmallVec;

use crate::topology::Snapshot;

/// Everything known about one SKU, and its rendered bodies.
pub(crate) struct Entry {
    pub(crate) stock: Stock,
    /// When the SKU was found to be unknown: such an entry is valid only briefly.
    pub(crate) found_at: Instant,
    pub(crate) bodies: ArcSwapOption<Bodies>,
    /// The generation of L1 in which it was made.
    pub(crate) generation: u64,
    /// The oldest term of anything in it.
    pub(crate) oldest_term: u16,
}

impl Entry {
    /// An entry that is shown once and not kept.
    pub(crate) fn alone(stock: Stock) -> Self {
        Self::new(stock, 0)
    }

    pub(crate) fn new(stock: Stock, generation: u64) -> Self {
        let oldest_term = stock.oldest_term();
        Self { stock, found_at: Instant::now(), bodies: ArcSwapOption::empty(), generation, oldest_term }
    }

    /// Whether it belongs to this SKU; only the entry of a known SKU can tell.
    pub(crate) fn is_of(&self, sku: &str) -> bool {
        self.stock.item.as_ref().is_some_and(|item| item.sku.as_str() == sku)
    }
}

/// The bodies that are kept with one entry. The first, usually the only one, is stored in place, because each further
/// step waits for memory.
pub(crate) type Bodies = SmallVec<[RenderedBody; 1]>;

/// A body, and what it was rendered with: it is valid only under the same.
#[derive(Clone)]
pub(crate) struct RenderedBody {
    pub(crate) channel: Option<ChannelId>,
    /// The version of the topology.
    pub(crate) topology: u64,
    /// The release of the rules.
    pub(crate) release: u64,
    pub(crate) body: Bytes,
    pub(crate) etag: HeaderValue,
}

impl RenderedBody {
    pub(crate) fn counts(&self, channel: Option<&Channel>, snapshot: &Snapshot, release: u64) -> bool {
        self.topology == snapshot.version
            && self.release == release
            && self.channel.as_ref() == channel.map(|channel| &channel.channel)
    }
}
