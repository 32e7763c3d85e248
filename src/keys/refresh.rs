//! Refreshes the keys: every `auth.refresh`, and at once when a token names a key that is not in a set.

use std::{sync::Arc, time::Duration};

use onhand_http::auth::{Place, Verifier};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{Source, report};

/// Callers can make up names of keys: they cause a refresh at most this often.
const ASKED: Duration = Duration::from_secs(10);

/// `sources`: each with the text that its current keys were read from.
pub(super) fn start(verifier: &Arc<Verifier>, issuer: usize, sources: Vec<(Source, Vec<u8>)>, every: Duration) {
    let asked: Vec<Arc<Notify>> = sources.iter().map(|_| Arc::default()).collect();
    for ((source, text), asked) in sources.into_iter().zip(asked.clone()) {
        tokio::spawn(Refresh { verifier: verifier.clone(), issuer, source, text }.run(asked, every));
    }
    verifier.on_unknown_key(issuer, move || asked.iter().for_each(|asked| asked.notify_one()));
}

struct Refresh {
    verifier: Arc<Verifier>,
    issuer: usize,
    source: Source,
    /// The text of the current keys.
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
            // Even if the text is the same, because the last refresh may have failed.
            Ok(got) => {
                if got.text != self.text {
                    self.text = report(&got);
                }
                let keys = got.keys.len();
                if self.verifier.replace(self.issuer, self.source.place(), got.keys) {
                    tracing::info!(keys, setting = self.source.setting, "tokens are now judged with other keys");
                }
            }
            Err(error) => {
                self.verifier.refresh_failed(self.issuer, self.source.place());
                self.tell(&error);
            }
        }
    }

    fn tell(&self, error: &str) {
        let standing = self.verifier.standing();
        if self.source.place() == Place::Url && standing.too_old {
            let age_s = standing.age.as_secs();
            tracing::error!(error, age_s, "the issuer's keys are too old; its tokens are refused");
        } else {
            tracing::warn!(error, "the keys could not be refreshed; the last good ones stay in use");
        }
    }
}
