//! Looking at the keys again: every `auth.refresh`, and at once when a token names one that is not
//! in the set.

use std::{sync::Arc, time::Duration};

use onhand_wire::auth::Verifier;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{Source, report};

/// Callers can make up names of keys: they cause a look no more often than this.
const ASKED: Duration = Duration::from_secs(10);

pub(super) fn start(verifier: Arc<Verifier>, source: Source, text: Vec<u8>, every: Duration) {
    let asked = Arc::new(Notify::new());
    let ask = asked.clone();
    verifier.on_unknown_key(move || ask.notify_one());
    tokio::spawn(Refresh { verifier, source, text }.run(asked, every));
}

struct Refresh {
    verifier: Arc<Verifier>,
    source: Source,
    /// What the present keys were read from.
    text: Vec<u8>,
}

impl Refresh {
    async fn run(mut self, asked: Arc<Notify>, every: Duration) {
        let (mut next, mut may_be_asked) = (Instant::now() + every, Instant::now());
        loop {
            let called = async {
                asked.notified().await;
                sleep_until(may_be_asked).await;
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = called => may_be_asked = Instant::now() + ASKED,
            }
            self.look().await;
            next = Instant::now() + every;
        }
    }

    async fn look(&mut self) {
        match self.source.get().await {
            // Also when the text is the same: the last look may have failed.
            Ok(got) => {
                if got.text != self.text {
                    report(&got);
                    self.text.clone_from(&got.text);
                }
                let keys = got.keys.len();
                if self.verifier.replace(got.keys) {
                    tracing::info!(keys, "tokens are judged with other keys now");
                }
            }
            Err(error) => {
                self.verifier.refresh_failed();
                tracing::warn!(error, "the keys could not be looked at again; the last good ones stay");
            }
        }
    }
}
