//! Fills: whole hashes, written off the request path, many at once.

use std::{collections::BTreeMap, sync::Arc};

use onhand_wire::{Sku, l2, partition};
use redis::Pipeline;
use tokio::sync::mpsc;

use super::L2;
use crate::{cache::l1::L1, entry::Entry};

/// How many fills may wait to be written; beyond that, they are skipped.
pub(super) const WAITING: usize = 4096;
/// Fills written in one round trip.
const AT_ONCE: usize = 64;
/// Joins a whole hash field by field, if the filling edge has read the feed at least as far as the partition's writer.
/// KEYS: offset, hash. ARGV: log id, the edge's position, ttl in ms, then field and value in turn. A value starts with
/// its version: 2 bytes of term, 6 of seq.
const FILL: &str = concat!(
    include_str!("../../redis_client/newer.lua"),
    r#"
local at = redis.call('GET', KEYS[1])
if not at then return 0 end
local topic, offset = string.match(at, '^(.*):(%d+)$')
if topic ~= ARGV[1] or tonumber(offset) > tonumber(ARGV[2]) then return 0 end
for i = 4, #ARGV, 2 do join(KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"#
);

impl L2 {
    /// Asks for a fill of the SKU; it is skipped if too many are waiting.
    pub(crate) fn fill(&self, sku: &Sku) {
        if self.fills.try_send(sku.clone()).is_err() {
            self.metrics.l2_fill_rejected();
        }
    }

    /// Adds a fill to its partition's pipeline. The position is read **before** the entry.
    fn add_fill(&self, pipelines: &mut BTreeMap<i32, Pipeline>, sku: &Sku, log: &str, l1: &L1) -> bool {
        let partition = partition::of(sku.as_str(), self.position.partitions());
        let position = self.position.next_offset(partition);
        let whole = |entry: &Arc<Entry>| entry.stock.known() && l1.counts(entry);
        let Some(entry) = l1.get(sku.as_str()).filter(whole) else { return false };
        let pipeline = pipelines.entry(partition).or_insert_with(redis::pipe);
        pipeline.cmd("EVAL").arg(FILL).arg(2).arg(l2::offset_key(partition)).arg(l2::key(partition, sku));
        pipeline.arg(log).arg(position).arg(self.config.ttl.0.as_millis() as u64);
        if let Some(item) = &entry.stock.item {
            pipeline.arg(l2::ITEM).arg(l2::encode_field(item));
        }
        for fact in &entry.stock.facts {
            pipeline.arg(fact.location.as_str()).arg(l2::encode_field(fact));
        }
        true
    }

    /// Fills what L1 holds of `skus` now; returns how many hashes were written.
    pub(crate) async fn fill_now(&self, skus: &[Sku], l1: &L1) -> usize {
        let Some(log) = self.position.log_id() else { return 0 };
        let mut filled = 0;
        for some in skus.chunks(AT_ONCE) {
            filled += self.fill_some(some, &log, l1).await;
        }
        filled
    }

    async fn fill_some(&self, skus: &[Sku], log: &str, l1: &L1) -> usize {
        let mut pipelines = BTreeMap::new();
        let added = skus.iter().filter(|sku| self.add_fill(&mut pipelines, sku, log, l1)).count();
        if added == 0 {
            return 0;
        }
        let pipelines: Vec<_> = pipelines.into_values().collect();
        let written: Vec<Option<Vec<i64>>> = self.run(&pipelines, self.config.timeout.0 * 4).await;
        let filled = written.into_iter().flatten().flatten().sum::<i64>() as usize;
        self.metrics.l2_filled(filled, added - filled);
        filled
    }
}

/// Writes fills as they are asked for.
pub(crate) async fn fill_for_ever(l2: Arc<L2>, l1: Arc<L1>, mut queue: mpsc::Receiver<Sku>) {
    let mut skus = Vec::with_capacity(AT_ONCE);
    while queue.recv_many(&mut skus, AT_ONCE).await > 0 {
        l2.fill_now(&skus, &l1).await;
        skus.clear();
    }
}
