//! The change feed inside one process (`onhand dev`): like a Kafka topic, in memory.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// How many records a partition keeps; a reader that is further behind gets an error.
const KEPT: usize = 65_536;

/// One record as a reader sees it.
#[derive(Debug, Clone)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub value: Arc<[u8]>,
}

/// The log no longer reaches back to the reader's position in this partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log no longer reaches back to the position in partition {0}")]
pub struct Gone(pub i32);

#[derive(Default)]
struct Partition {
    /// Offset of the first record kept.
    start: i64,
    values: VecDeque<Arc<[u8]>>,
}

impl Partition {
    fn end(&self) -> i64 {
        self.start + self.values.len() as i64
    }

    fn push(&mut self, value: Vec<u8>) {
        self.values.push_back(value.into());
        if self.values.len() > KEPT {
            self.values.pop_front();
            self.start += 1;
        }
    }
}

/// A cheap handle to a partitioned, append-only, bounded log.
#[derive(Clone)]
pub struct MemoryLog(Arc<(Mutex<Vec<Partition>>, Condvar)>);

impl MemoryLog {
    pub fn new(partitions: i32) -> Self {
        let partitions = (0..partitions).map(|_| Partition::default()).collect();
        Self(Arc::new((Mutex::new(partitions), Condvar::new())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Partition>> {
        self.0.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn partitions(&self) -> i32 {
        self.lock().len() as i32
    }

    /// The first kept offset of each partition.
    pub fn starts(&self) -> Vec<i64> {
        self.lock().iter().map(|partition| partition.start).collect()
    }

    /// The next offset of each partition.
    pub fn ends(&self) -> Vec<i64> {
        self.lock().iter().map(Partition::end).collect()
    }

    /// Appends one, if the partition has room for it: its offset. What `read` has not come to is never pushed out.
    pub fn append_unread(&self, partition: i32, value: Vec<u8>, read: i64) -> Option<i64> {
        let mut partitions = self.lock();
        let into = &mut partitions[partition as usize];
        let offset = into.end();
        if offset - read >= KEPT as i64 {
            return None;
        }
        into.push(value);
        drop(partitions);
        self.0.1.notify_all();
        Some(offset)
    }

    pub fn append(&self, records: impl IntoIterator<Item = (i32, Vec<u8>)>) {
        let mut partitions = self.lock();
        for (partition, value) in records {
            partitions[partition as usize].push(value);
        }
        self.0.1.notify_all();
    }

    /// Returns records from `positions` on (one for each partition), and moves `positions` past them. Waits up to
    /// `wait` for the first record.
    pub fn poll(&self, positions: &mut [i64], wait: Duration) -> Result<Vec<Record>, Gone> {
        let deadline = Instant::now() + wait;
        let mut partitions = self.lock();
        loop {
            let records = read(&partitions, positions)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if !records.is_empty() || left.is_zero() {
                return Ok(records);
            }
            partitions = self.0.1.wait_timeout(partitions, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

fn read(partitions: &[Partition], positions: &mut [i64]) -> Result<Vec<Record>, Gone> {
    let mut records = Vec::new();
    for (index, partition) in partitions.iter().enumerate() {
        let skip = usize::try_from(positions[index] - partition.start).map_err(|_| Gone(index as i32))?;
        let from = positions[index];
        let news = partition.values.iter().skip(skip).zip(from..);
        records.extend(news.map(|(value, offset)| Record { partition: index as i32, offset, value: value.clone() }));
        positions[index] = partition.end().max(from);
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_left_behind_is_told() {
        let log = MemoryLog::new(2);
        let mut positions = log.ends();
        log.append([(0, vec![1]), (1, vec![2])]);
        assert_eq!(log.poll(&mut positions, Duration::ZERO).unwrap().len(), 2);
        assert_eq!(positions, [1, 1]);
        log.append((0..=KEPT).map(|_| (1, vec![3])));
        assert_eq!(log.poll(&mut [1, 0], Duration::ZERO).unwrap_err(), Gone(1));
    }
}
