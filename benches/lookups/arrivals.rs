//! Changes that arrive at the edge: facts written straight into the feed, as a relay writes them. The origin, PostgreSQL
//! and the callers of 1,000 changes a second would take more of the servers' core than the edge.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use onhand_harness::{World, catalogue_sku};
use onhand_wire::{LocationId, Sku, Version, event::Change, fact::Fact};
use rdkafka::{
    ClientConfig,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

/// Of [`World::catalogue`], whose rows are their keys' first versions.
const SKUS: u64 = 2000;
const TERM: u16 = 1;

pub(crate) struct Arriving {
    stop: Arc<AtomicBool>,
    sender: JoinHandle<()>,
    /// Records that the edge had read, and when.
    before: (f64, Instant),
}

pub(crate) async fn start(world: &World, rate: u32) -> Arriving {
    let stop: Arc<AtomicBool> = Arc::default();
    let (brokers, topic, ended) = (world.kafka().brokers(), world.topic().to_owned(), stop.clone());
    let sender = std::thread::spawn(move || send(&brokers, &topic, rate, &ended));
    Arriving { stop, sender, before: (read(world).await, Instant::now()) }
}

impl Arriving {
    /// Records a second that the edge has read meanwhile.
    pub(crate) async fn end(self, world: &World) -> f64 {
        let (before, began) = self.before;
        let per_second = (read(world).await - before) / began.elapsed().as_secs_f64();
        self.stop.store(true, Ordering::Relaxed);
        self.sender.join().expect("no panic");
        per_second
    }
}

async fn read(world: &World) -> f64 {
    world.edge(0).metric("edge_feed_records_total").await.expect("the edge's own metric")
}

fn send(brokers: &str, topic: &str, rate: u32, stop: &AtomicBool) {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", "0")
        .create()
        .expect("a producer");
    let metadata = producer.client().fetch_metadata(Some(topic), Duration::from_secs(5)).expect("the topic");
    let partitions = metadata.topics()[0].partitions().len() as i32;
    let began = Instant::now();
    for turn in 0_u64.. {
        std::thread::sleep((Duration::from_secs(1) / rate * turn as u32).saturating_sub(began.elapsed()));
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let change = change(turn);
        let (key, value) = (change.key(), change.encode());
        let record = BaseRecord::to(topic).partition(change.partition(partitions)).key(&key).payload(&value);
        producer.send(record).expect("room in the queue");
    }
    producer.flush(Duration::from_secs(5)).expect("all is sent");
}

/// One less on hand each time that it is a SKU's turn.
fn change(turn: u64) -> Change {
    let round = turn / SKUS + 1;
    Change::Fact(Fact {
        sku: Sku::new(&catalogue_sku(turn * 7 % SKUS)).expect("a SKU"),
        location: LocationId::new("l000").expect("a location"),
        on_hand: 1_000_000 - round as i64,
        reserved: 0,
        safety_stock: 0,
        backorder_limit: 0,
        low_stock_at: 0,
        restock_at: None,
        version: Version::new(TERM, 1 + round),
        changed_at: chrono::Utc::now().into(),
        deleted: false,
    })
}
