//! What the cache holds of one SKU: its facts, and the bodies that they were shown as.

use std::time::Instant;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::HeaderValue;
use onhand_wire::{Channel, ChannelId, Stock};
use smallvec::SmallVec;

use crate::topology::Snapshot;

/// All that is known of one SKU, and the bodies that it was shown as.
pub(crate) struct Entry {
    pub(crate) stock: Stock,
    /// When the SKU was found to be unknown: such an entry is believed only briefly.
    pub(crate) found_at: Instant,
    pub(crate) bodies: ArcSwapOption<Bodies>,
    /// Which of L1's generations it was made in.
    pub(crate) generation: u64,
    /// The oldest term of anything in it.
    pub(crate) oldest_term: u16,
}

impl Entry {
    /// One that is shown once and kept nowhere.
    pub(crate) fn alone(stock: Stock) -> Self {
        Self::new(stock, 0)
    }

    pub(crate) fn new(stock: Stock, generation: u64) -> Self {
        let oldest_term = stock.oldest_term();
        Self { stock, found_at: Instant::now(), bodies: ArcSwapOption::empty(), generation, oldest_term }
    }

    /// Whether it is this SKU's, which only the entry of a SKU that is known tells.
    pub(crate) fn is_of(&self, sku: &str) -> bool {
        self.stock.item.as_ref().is_some_and(|item| item.sku.as_str() == sku)
    }
}

/// What is kept with one entry. The first, as a rule the only one, beside the count: each step more is a wait for
/// memory.
pub(crate) type Bodies = SmallVec<[RenderedBody; 1]>;

/// A body, and what it was rendered with: it counts only under the same.
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
