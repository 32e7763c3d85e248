//! The public keys that tokens are judged with: read or fetched, and looked at again while the
//! process runs, so that keys change without a restart.
//!
//! Keys that have left the set stop counting at the next look. A look that fails leaves the last
//! good set in force: an issuer that is down, or a file that is half written, must not turn every
//! caller away.

mod refresh;
mod url;

use std::{sync::Arc, time::Duration};

use onhand_wire::auth::{KeySet, Verifier};
use tokio::time::{Instant, sleep};

use self::url::Fetcher;
use crate::config::{Auth, KeySource};

/// Pause between tries to get the first keys.
const PAUSE: Duration = Duration::from_secs(1);

/// Keys as they were got: the text tells whether they are others than before.
struct Got {
    text: Vec<u8>,
    keys: KeySet,
    /// Keys of the set that are of no use here, with the reason.
    left_out: Vec<String>,
}

/// Where keys come from.
enum Source {
    KeyFile(String),
    JwksFile(String),
    JwksUrl(Fetcher),
}

impl Source {
    fn of(auth: &Auth) -> Result<Self, String> {
        Ok(match auth.source()? {
            KeySource::KeyFile(path) => Self::KeyFile(path),
            KeySource::JwksFile(path) => Self::JwksFile(path),
            KeySource::JwksUrl(url) => Self::JwksUrl(Fetcher::new(&url)?),
        })
    }

    /// The error names the setting and says what is wrong.
    async fn get(&self) -> Result<Got, String> {
        let (key, name, text) = match self {
            Self::KeyFile(path) => ("auth.key_file", path, read("auth.key_file", path).await?),
            Self::JwksFile(path) => ("auth.jwks_file", path, read("auth.jwks_file", path).await?),
            Self::JwksUrl(fetcher) => ("auth.jwks_url", fetcher.url(), fetcher.fetch().await?),
        };
        let keys = match self {
            Self::KeyFile(_) => KeySet::from_pem(&text).map(|keys| (keys, Vec::new())),
            Self::JwksFile(_) | Self::JwksUrl(_) => KeySet::from_jwks(&text),
        };
        let (keys, left_out) = keys.map_err(|error| format!("{key}: {name}: {error}"))?;
        Ok(Got { text, keys, left_out })
    }
}

async fn read(key: &str, path: &str) -> Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|error| format!("{key}: {path} cannot be read: {error}"))
}

/// Judges tokens from now on, with keys that are kept up to date as long as the runtime lives. A
/// file must be there at once; a URL is tried for `auth.start_timeout`.
pub(crate) async fn verifier(auth: &Auth) -> Result<Arc<Verifier>, String> {
    let source = Source::of(auth)?;
    let first = first(&source, auth.start_timeout.0).await?;
    report(&first);
    let verifier = Arc::new(Verifier::new(first.keys, &auth.expected()));
    refresh::start(verifier.clone(), source, first.text, auth.refresh.0);
    Ok(verifier)
}

async fn first(source: &Source, patience: Duration) -> Result<Got, String> {
    let until = Instant::now() + patience;
    loop {
        match source.get().await {
            Ok(got) => return Ok(got),
            Err(error) if matches!(source, Source::JwksUrl(_)) && Instant::now() + PAUSE < until => {
                tracing::warn!(error, "no keys to judge tokens with yet; trying again");
                sleep(PAUSE).await;
            }
            Err(error) if matches!(source, Source::JwksUrl(_)) => {
                let waited = humantime(patience);
                return Err(format!("{error}; given up after {waited} (auth.start_timeout): no token could be judged"));
            }
            Err(error) => return Err(error),
        }
    }
}

fn humantime(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// For `onhand check`: gets the keys once, and says what they are.
pub(crate) async fn probe(auth: &Auth) -> Result<String, String> {
    let got = Source::of(auth)?.get().await?;
    let keys = got.keys.len();
    let usable = if keys == 1 { "1 Ed25519 public key".to_owned() } else { format!("{keys} Ed25519 public keys") };
    if got.left_out.is_empty() { Ok(usable) } else { Ok(format!("{usable}; left out: {}", got.left_out.join("; "))) }
}

fn report(got: &Got) {
    for left_out in &got.left_out {
        tracing::info!(key = left_out, "a key of the JWKS is left out");
    }
}
