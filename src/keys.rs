//! The public keys that judge tokens. They are read or fetched, and refreshed while the process runs, so that keys can
//! change without a restart.
//!
//! Keys that have left the set become invalid at the next refresh. If a refresh fails, the last good set stays in use:
//! an issuer that is down, or a file that is half written, must not turn every caller away. A URL's set then stays
//! valid for `auth.max_stale`; a file's for as long as the failure lasts.

mod refresh;
mod url;

use std::{sync::Arc, time::Duration};

use onhand_http::{
    auth::{KeySet, Keys, Place, Verifier},
    outgoing::Outgoing,
    setting::ClientConfig,
};
use tokio::time::{Instant, sleep};

use self::url::Fetcher;
use crate::config::{Auth, KeyFile, Trusted};

/// Pause between tries to get the first keys.
const PAUSE: Duration = Duration::from_secs(1);

/// Keys as they were read. Comparing the text shows whether they have changed.
struct Got {
    text: Vec<u8>,
    keys: KeySet,
    /// Keys of the set that were skipped, with the reason.
    left_out: Vec<String>,
}

/// Where keys come from.
enum From {
    KeyFile(String),
    JwksFile(String),
    JwksUrl(Fetcher),
}

/// A source of one issuer's keys.
struct Source {
    from: From,
    /// The setting that names it.
    setting: String,
}

impl Source {
    /// A file first, then a URL; at least one of them.
    fn all(issuer: &Trusted, outgoing: &Outgoing) -> Vec<Self> {
        let named = |key: &str| format!("{}.{key}", issuer.section);
        let file = issuer.sources.file.clone().map(|file| match file {
            KeyFile::Pem(path) => Self { from: From::KeyFile(path), setting: named("key_file") },
            KeyFile::Jwks(path) => Self { from: From::JwksFile(path), setting: named("jwks_file") },
        });
        let url = issuer.sources.url.clone().map(|url| {
            let setting = named("jwks_url");
            Self { from: From::JwksUrl(Fetcher::new(url, &setting, outgoing)), setting }
        });
        file.into_iter().chain(url).collect()
    }

    fn place(&self) -> Place {
        if matches!(self.from, From::JwksUrl(_)) { Place::Url } else { Place::File }
    }

    /// Reads the keys. The error names the setting and says what is wrong.
    async fn get(&self) -> Result<Got, String> {
        let key = &self.setting;
        let (name, text) = match &self.from {
            From::KeyFile(path) | From::JwksFile(path) => (path.clone(), read(key, path).await?),
            From::JwksUrl(fetcher) => {
                let fetched = fetcher.fetch().await;
                (fetcher.url().to_string(), fetched.map_err(|error| format!("{key}: {error}"))?)
            }
        };
        let keys = match self.from {
            From::KeyFile(_) => KeySet::from_pem(&text).map(|keys| (keys, Vec::new())),
            From::JwksFile(_) | From::JwksUrl(_) => KeySet::from_jwks(&text),
        };
        let (keys, left_out) = keys.map_err(|error| format!("{key}: {name}: {error}"))?;
        Ok(Got { text, keys, left_out })
    }
}

async fn read(key: &str, path: &str) -> Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|error| format!("{key}: {path} cannot be read: {error}"))
}

/// Makes a verifier whose keys are kept up to date for as long as the runtime lives. A file must be readable at once; a
/// URL is tried for `auth.start_timeout`.
pub(crate) async fn verifier(auth: &Auth, client: &ClientConfig) -> Result<Arc<Verifier>, String> {
    let outgoing = Outgoing::new(client).map_err(|fault| fault.to_string())?;
    let (mut issuers, mut looks) = (Vec::new(), Vec::new());
    for issuer in auth.trusted()? {
        let (keys, sources) = keys(&issuer, auth, &outgoing).await?;
        issuers.push((keys, issuer.expected));
        looks.push(sources);
    }
    let verifier = Arc::new(Verifier::of_issuers(issuers));
    for (issuer, sources) in looks.into_iter().enumerate() {
        refresh::start(&verifier, issuer, sources, auth.refresh.0);
    }
    Ok(verifier)
}

/// An issuer's keys at the start, and their sources, each with the text that its keys were read from.
async fn keys(issuer: &Trusted, auth: &Auth, outgoing: &Outgoing) -> Result<(Keys, Vec<(Source, Vec<u8>)>), String> {
    let mut keys = Keys::default();
    let mut looks = Vec::new();
    for source in Source::all(issuer, outgoing) {
        let got = match source.place() {
            Place::File => Some(source.get().await?),
            Place::Url => {
                keys.max_stale = Some(auth.max_stale.0);
                first(&source, auth.start_timeout.0, keys.file.is_some()).await?
            }
        };
        let (text, set) = got.map(|got| (report(&got), got.keys)).unzip();
        match source.place() {
            Place::File => keys.file = set,
            Place::Url => keys.url = set,
        }
        looks.push((source, text.unwrap_or_default()));
    }
    Ok((keys, looks))
}

/// The first keys of a URL. `None` if there are none yet and the start goes on with those of a file.
async fn first(source: &Source, patience: Duration, others: bool) -> Result<Option<Got>, String> {
    let until = Instant::now() + patience;
    loop {
        match source.get().await {
            Ok(got) => return Ok(Some(got)),
            Err(error) if Instant::now() + PAUSE < until => {
                tracing::warn!(error, "there are no keys to judge tokens with yet; trying again");
                sleep(PAUSE).await;
            }
            Err(error) if others => {
                tracing::error!(error, "the issuer's keys are missing; its tokens are refused until they are there");
                return Ok(None);
            }
            Err(error) => {
                let waited = patience.as_secs_f64();
                return Err(format!(
                    "{error}; given up after {waited} s (auth.start_timeout): no token could be judged"
                ));
            }
        }
    }
}

/// For `onhand check`: gets the keys once, and says what they are.
pub(crate) async fn probe(auth: &Auth, client: &ClientConfig) -> Result<String, String> {
    let outgoing = Outgoing::new(client).map_err(|fault| fault.to_string())?;
    let mut found = Vec::new();
    for source in auth.trusted()?.iter().flat_map(|issuer| Source::all(issuer, &outgoing)) {
        let got = source.get().await?;
        let keys = got.keys.len();
        let mut usable = format!("{}: {keys} public key{}", source.setting, if keys == 1 { "" } else { "s" });
        if !got.left_out.is_empty() {
            usable = format!("{usable}, left out: {}", got.left_out.join("; "));
        }
        found.push(usable);
    }
    Ok(found.join("; "))
}

/// Logs the keys of a set that were skipped, and returns its text.
fn report(got: &Got) -> Vec<u8> {
    for left_out in &got.left_out {
        tracing::info!(key = left_out, "a key of the JWKS was skipped");
    }
    got.text.clone()
}
