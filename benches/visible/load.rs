//! Changes at a steady rate, spread over many SKUs of a catalogue.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use onhand_harness::{Cheap, World, catalogue_sku};

/// Of [`World::catalogue`].
pub(crate) const SKUS: u64 = 2000;
const CALLERS: u64 = 16;

pub(crate) struct Running {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    began: Instant,
}

impl Running {
    /// Changes a second that were carried.
    pub(crate) fn end(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.done.load(Ordering::Relaxed) as f64 / self.began.elapsed().as_secs_f64()
    }
}

/// Callers that each keep to their share of the rate, and catch up when they were late.
pub(crate) async fn start(world: &World, rate: u32) -> Running {
    let running = Running { stop: Arc::default(), done: Arc::default(), began: Instant::now() };
    for caller in 0..CALLERS {
        let mut origin = Cheap::connect(&world.origin(0).url(), &world.tokens.operator).await;
        let (stop, done, began) = (running.stop.clone(), running.done.clone(), running.began);
        tokio::spawn(async move {
            let every = Duration::from_secs(1) * CALLERS as u32 / rate;
            for turn in 0_u64.. {
                let due = began + every * turn as u32 + every / CALLERS as u32 * caller as u32;
                tokio::time::sleep_until(due.into()).await;
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let path =
                    format!("/inventory/products/{}/adjustments", catalogue_sku((turn * CALLERS + caller) * 7 % SKUS));
                let body = r#"{"location":"l000","delta":-1,"kind":"damaged","reason":"load"}"#;
                let (status, _) = origin.call("POST", &path, "", body).await;
                assert!(status == 200, "{status}");
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    running
}
