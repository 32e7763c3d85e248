//! Changes a SKU of its own, then asks the edge until it shows.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use onhand_harness::{Cheap, World};

/// Between two questions: they are a load of their own, and this is the resolution.
const EVERY: Duration = Duration::from_micros(200);
/// Between a change that shows and the next one.
const PAUSE: Duration = Duration::from_millis(7);

/// In microseconds.
pub(crate) struct Times {
    /// From sending a change to its acknowledgement.
    pub(crate) acknowledged: Histogram<u64>,
    /// From there to the edge's showing it.
    pub(crate) visible: Histogram<u64>,
}

/// On a thread of its own, as the raw consumer: the load's callers must not delay it, and tokio's clock
/// has no fractions of a millisecond.
pub(crate) fn start(world: &World, whole: Duration) -> tokio::task::JoinHandle<Times> {
    let (origin, operator) = (world.origin(0).url(), world.tokens.operator.clone());
    let (edge, storefront) = (world.edge(0).url(), world.tokens.storefront.clone());
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        runtime.block_on(async {
            let origin = Cheap::connect(&origin, &operator).await;
            let edge = Cheap::connect(&edge, &storefront).await;
            Probe { origin, edge }.measure(whole).await
        })
    })
}

struct Probe {
    origin: Cheap,
    edge: Cheap,
}

impl Probe {
    async fn measure(mut self, whole: Duration) -> Times {
        let histogram = || Histogram::new(3).expect("three digits");
        let mut times = Times { acknowledged: histogram(), visible: histogram() };
        let began = Instant::now();
        let mut wanted = 0;
        while began.elapsed() < whole {
            wanted += 1;
            let sent = Instant::now();
            self.change().await;
            let told = Instant::now();
            times.acknowledged.record((told - sent).as_micros() as u64).expect("it grows as it must");
            while self.shown().await < wanted {
                assert!(told.elapsed() < Duration::from_secs(10), "the change never shows");
                std::thread::sleep(EVERY);
            }
            times.visible.record(told.elapsed().as_micros() as u64).expect("it grows as it must");
            std::thread::sleep(PAUSE);
        }
        times
    }

    async fn change(&mut self) {
        let body = r#"{"location":"eu-1","delta":1,"kind":"found","reason":"probe"}"#;
        let (status, answer) = self.origin.call("POST", "/inventory/products/probe/adjustments", "", body).await;
        assert!(status == 200, "{status}: {}", String::from_utf8_lossy(answer));
    }

    async fn shown(&mut self) -> i64 {
        let (status, body) = self.edge.call("GET", "/v1/availability/probe", "", "").await;
        assert!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
        let shown: serde_json::Value = serde_json::from_slice(body).expect("JSON");
        shown["available"].as_i64().expect("a number")
    }
}
