//! What each tier holds of a SKU, for `explain`: L2 first, then `recent`, which completes it, then L1.

use onhand_wire::{Sku, Timestamp, explain};

use super::{Cache, l2::StoredHash, recent::LoadSource};

impl Cache {
    /// `log`: the log that L2 must belong to. `as_of` is read before this.
    pub(crate) async fn inspect(
        &self,
        sku: &Sku,
        partition: i32,
        log: Option<&str>,
        as_of: Timestamp,
    ) -> (explain::L2, explain::Recent, Option<explain::L1>) {
        let raw = match &self.l2 {
            Some(l2) => Some(l2.inspect(sku).await),
            None => None,
        };
        let l2 = self.judged(raw, partition, log, as_of);
        let recent = self.recent.inspect(sku, partition);
        let l1 = self.l1.get(sku.as_str()).map(|entry| explain::L1 {
            stock: entry.stock.clone(),
            counts: self.l1.counts(&entry),
            age_ms: entry.found_at.elapsed().as_millis() as u64,
        });
        (l2, recent, l1)
    }

    fn judged(
        &self,
        raw: Option<Result<StoredHash, String>>,
        partition: i32,
        log: Option<&str>,
        as_of: Timestamp,
    ) -> explain::L2 {
        use explain::L2State::{Absent, Held, Off, Unreachable};
        let without = |state, detail| explain::L2 {
            state,
            detail,
            writer: None,
            counts: false,
            stock: None,
            unreadable: Vec::new(),
        };
        let raw = match raw {
            None => return without(Off, None),
            Some(Err(why)) => return without(Unreachable, Some(why)),
            Some(Ok(raw)) => raw,
        };
        let held = raw.stock.item.is_some() || !raw.stock.facts.is_empty() || !raw.unreadable.is_empty();
        let ours = raw.writer.as_ref().filter(|(of, _)| log == Some(of));
        let reached = ours
            .is_some_and(|(_, offset)| self.recent.reaches_back(LoadSource::L2 { partition, offset: *offset, as_of }));
        explain::L2 {
            state: if held { Held } else { Absent },
            detail: None,
            counts: reached && raw.unreadable.is_empty() && raw.stock.item.is_some(),
            writer: raw.writer.map(|(log, offset)| explain::Writer { log, offset }),
            stock: held.then_some(raw.stock),
            unreadable: raw.unreadable,
        }
    }
}
