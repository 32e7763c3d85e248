//! Intake: a lane's records become rows, each once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use onhand_orders::{Log, topic_of};
use onhand_wire::order::Lane;
use rdkafka::admin::{AdminClient, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::{
    Lanes, line,
    source::{self, Reading, Taken},
};
use crate::{
    store::orders::{Intake, TakenIn},
    topic::{self, producing},
};

/// Before a lane that cannot be read, or a database that cannot be written to, is tried again.
const AGAIN: Duration = Duration::from_millis(250);
/// Of a topic that has to be made: what is in no database yet must not expire.
const RETENTION_MS: &str = "604800000";

/// Reads a lane for ever; it is never paused, whatever becomes of what it takes in.
pub(super) async fn run(lanes: Arc<Lanes>, lane: Lane) {
    let mut failures = 0_u64;
    loop {
        match open(&lanes, lane).await {
            Ok((reading, reached)) => {
                failures = 0;
                read(&lanes, lane, reading, reached).await;
            }
            Err(cause) => {
                if failures.is_multiple_of(20) {
                    tracing::warn!(cause, lane = lane.as_str(), "an order lane cannot be read yet");
                }
                failures += 1;
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Up to where each partition is taken in.
type Reached = BTreeMap<i32, i64>;

async fn open(lanes: &Lanes, lane: Lane) -> Result<(Reading, Reached), String> {
    let known = async |topic: &str| lanes.store.lane_positions(lane, topic).await.map_err(|error| error.to_string());
    let brokers = match &lanes.log {
        Log::Memory(log) => {
            let known = known(log.topic()).await?;
            return Ok((source::in_memory(log, lane, &known)?, known.into_iter().collect()));
        }
        Log::Kafka(brokers) => brokers,
    };
    let name = topic_of(&lanes.config.topic, lane);
    make(lanes, &name).await?;
    let found = source::find(brokers, &name).await?;
    lanes.acceptor.prepare().await;
    let known = known(&found.topic).await?;
    let (from, expired) = source::begin(&found.starts, &known);
    for partition in expired {
        let (number, records) = (partition.partition, partition.undecided);
        tracing::error!(lane = lane.as_str(), partition = number, records, "records expired before they were taken in");
        lanes.metrics.expired(records);
    }
    let reading = found.read(&from)?;
    tracing::info!(lane = lane.as_str(), topic = name, ?from, "reading an order lane");
    Ok((reading, known.into_iter().collect()))
}

/// Made if it is missing.
async fn make(lanes: &Lanes, name: &str) -> Result<(), String> {
    let Some(brokers) = lanes.brokers() else { return Ok(()) };
    let admin: AdminClient<DefaultClientContext> =
        producing(brokers, &[]).create().map_err(|error: rdkafka::error::KafkaError| error.to_string())?;
    let shape = lanes.shape;
    let new = NewTopic::new(name, shape.partitions, TopicReplication::Fixed(shape.replication))
        .set("cleanup.policy", "delete")
        .set("retention.ms", RETENTION_MS);
    topic::make(&admin, &new).await
}

async fn read(lanes: &Lanes, lane: Lane, mut reading: Reading, mut reached: Reached) {
    while let Some(batch) = reading.batches.recv().await {
        let intake = intake(lanes, lane, &reading.topic, batch, &reached);
        // Until it is in: what comes after it must not be taken in before.
        let taken = loop {
            match lanes.store.take_in(&intake).await {
                Ok(taken) => break taken,
                Err(error) => {
                    let orders = intake.orders.len();
                    tracing::warn!(%error, lane = lane.as_str(), orders, "an intake is tried again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        };
        if taken.behind {
            tracing::error!(
                lane = lane.as_str(),
                "the database has lost orders that were taken in: they are read again"
            );
            return;
        }
        told(lanes, &intake, &taken);
        reached.extend(intake.next.iter().copied());
        if let Log::Memory(log) = &lanes.log {
            intake.next.iter().for_each(|(partition, next)| log.took(lane, *partition, *next));
        }
    }
}

fn told(lanes: &Lanes, intake: &Intake, taken: &TakenIn) {
    lanes.metrics.taken_in(intake.lane, taken);
    let dead = intake.orders.iter().filter_map(|order| order.fault.as_ref());
    dead.for_each(|fault| lanes.metrics.dead_lettered(fault.cause));
    lanes.woken.notify_one();
}

fn intake(lanes: &Lanes, lane: Lane, topic: &str, batch: Vec<Taken>, reached: &Reached) -> Intake {
    let now = onhand_orders::now();
    let mut next = BTreeMap::<i32, i64>::new();
    for taken in &batch {
        next.insert(taken.partition, taken.offset + 1);
    }
    let orders = batch.into_iter().map(|taken| line::row(taken, &lanes.acceptor.ids, now));
    let after = next.keys().filter_map(|partition| Some((*partition, *reached.get(partition)?))).collect();
    Intake { lane, topic: topic.to_owned(), orders: orders.collect(), after, next: next.into_iter().collect() }
}
