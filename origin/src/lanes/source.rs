//! A lane's log, read from where the database is: Kafka by `assign`, or the log in the process.
//!
//! Reading is done by a thread of its own and ends with its receiver.

use std::{sync::Arc, thread, time::Duration};

use onhand_kafka::{Brokers, topic_id};
use onhand_orders::MemoryLanes;
use onhand_wire::order::Lane;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::sync::mpsc;

use crate::store::orders::LanePartition;

/// Records of one commit: beyond, a commit's own time would delay what comes next.
const MOST: usize = 1000;
/// Bytes of them.
const MOST_BYTES: usize = 8 << 20;
const POLL: Duration = Duration::from_millis(50);
const ASK: Duration = Duration::from_secs(3);

/// A record as its lane had it.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) value: Vec<u8>,
}

/// What is read of a lane, in the order of its partitions' offsets.
pub(super) struct Reading {
    /// The topic's id.
    pub(super) topic: String,
    pub(super) batches: mpsc::Receiver<Vec<Taken>>,
}

/// A topic that is there, and what it still holds.
pub(super) struct Found {
    consumer: BaseConsumer,
    name: String,
    pub(super) topic: Arc<str>,
    /// The first offset of each partition that has not expired.
    pub(super) starts: Vec<i64>,
}

/// librdkafka blocks here, so a thread waits.
pub(super) async fn find(brokers: &Brokers, name: &str) -> Result<Found, String> {
    let (brokers, name) = (brokers.clone(), name.to_owned());
    let looked = tokio::task::spawn_blocking(move || look(&brokers, name)).await;
    looked.map_err(|error| error.to_string())?
}

fn look(brokers: &Brokers, name: String) -> Result<Found, String> {
    let own = [
        ("client.id", "onhand-lanes"),
        ("group.id", "onhand-lanes"), // `assign` needs a group's name, but joins none
        ("enable.auto.commit", "false"),
        ("auto.offset.reset", "error"),
        ("allow.auto.create.topics", "false"),
        ("fetch.wait.max.ms", "20"),
        ("fetch.error.backoff.ms", "50"),
        ("reconnect.backoff.ms", "50"),
        ("reconnect.backoff.max.ms", "1000"),
        ("log.connection.close", "false"),
    ];
    let failed = |error: KafkaError| error.to_string();
    let consumer: BaseConsumer = brokers.client(&own).create().map_err(failed)?;
    let metadata = consumer.fetch_metadata(Some(&name), ASK).map_err(failed)?;
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    if partitions == 0 {
        return Err(format!("there is no topic {name} yet"));
    }
    let topic = topic_id::fetch(consumer.client().native_client(), &name, ASK)
        .ok_or_else(|| format!("the brokers do not tell the id of {name}"))?;
    let start = |partition: usize| {
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        consumer.fetch_watermarks(&name, partition, ASK).map(|(start, _)| start)
    };
    let starts = (0..partitions).map(start).collect::<Result<_, _>>().map_err(failed)?;
    Ok(Found { consumer, name, topic, starts })
}

impl Found {
    /// Reads on from these offsets, one a partition.
    pub(super) fn read(self, from: &[i64]) -> Result<Reading, String> {
        let mut list = TopicPartitionList::with_capacity(from.len());
        for (partition, offset) in (0..).zip(from) {
            let added = list.add_partition_offset(&self.name, partition, Offset::Offset(*offset));
            added.map_err(|error| error.to_string())?;
        }
        self.consumer.assign(&list).map_err(|error| error.to_string())?;
        // One batch waits while another one is written: more would only take memory.
        let (send, batches) = mpsc::channel(1);
        let (consumer, topic) = (self.consumer, self.topic.to_string());
        let read = move || while read_on(&consumer, &send) {};
        thread::Builder::new().name("lane".to_owned()).spawn(read).map_err(|error| error.to_string())?;
        Ok(Reading { topic, batches })
    }
}

/// One batch; whether reading goes on.
fn read_on(consumer: &BaseConsumer, send: &mpsc::Sender<Vec<Taken>>) -> bool {
    let (mut batch, mut bytes, mut wait) = (Vec::new(), 0, POLL);
    while batch.len() < MOST && bytes < MOST_BYTES {
        match consumer.poll(wait) {
            Some(Ok(message)) => {
                let value = message.payload().unwrap_or_default().to_vec();
                bytes += value.len();
                batch.push(Taken { partition: message.partition(), offset: message.offset(), value });
            }
            Some(Err(error)) if lost(&error) => {
                tracing::error!(%error, "a lane's log no longer holds what comes next");
                return false;
            }
            Some(Err(error)) => tracing::debug!(%error, "a lane could not be read"),
            None => break,
        }
        wait = Duration::ZERO;
    }
    if batch.is_empty() { !send.is_closed() } else { send.blocking_send(batch).is_ok() }
}

fn lost(error: &KafkaError) -> bool {
    let gone = [RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::OffsetOutOfRange];
    error.rdkafka_error_code().is_some_and(|code| gone.contains(&code))
}

/// The same of the log in the process.
pub(super) fn in_memory(lanes: &MemoryLanes, lane: Lane, known: &[(i32, i64)]) -> Result<Reading, String> {
    let (send, batches) = mpsc::channel(1);
    let (log, topic) = (lanes.log(lane).clone(), lanes.topic().to_owned());
    let mut positions = log.starts();
    for (partition, next) in known {
        if let Some(position) = usize::try_from(*partition).ok().and_then(|at| positions.get_mut(at)) {
            *position = (*position).max(*next);
        }
    }
    let read = move || {
        while !send.is_closed() {
            let Ok(records) = log.poll(&mut positions, POLL) else { return };
            for part in records.chunks(MOST) {
                let taken = part.iter().map(|record| Taken {
                    partition: record.partition,
                    offset: record.offset,
                    value: record.value.to_vec(),
                });
                if send.blocking_send(taken.collect()).is_err() {
                    return;
                }
            }
        }
    };
    thread::Builder::new().name("lane".to_owned()).spawn(read).map_err(|error| error.to_string())?;
    Ok(Reading { topic, batches })
}

/// Where reading begins: what is taken in already is behind, and what has expired is gone.
pub(super) fn begin(starts: &[i64], known: &[(i32, i64)]) -> (Vec<i64>, Vec<LanePartition>) {
    let mut expired = Vec::new();
    let from = (0..).zip(starts).map(|(partition, start)| {
        let next = known.iter().find(|(known, _)| *known == partition).map_or(0, |(_, next)| *next);
        if next < *start {
            expired.push(LanePartition { partition, next, undecided: *start - next, first_undecided: next });
        }
        next.max(*start)
    });
    (from.collect(), expired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_where_the_database_is() {
        let (from, expired) = begin(&[0, 5, 0], &[(0, 7), (1, 3)]);
        assert_eq!(from, [7, 5, 0]);
        assert_eq!(expired.len(), 1);
        assert_eq!((expired[0].partition, expired[0].undecided), (1, 2));
    }
}
