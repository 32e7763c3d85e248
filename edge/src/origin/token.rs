//! The edge's own token: set once, or read from a file that may change while it runs.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwap;
use http::{HeaderValue, StatusCode};
use onhand_http::auth::carried;
use tokio::io::AsyncReadExt;

use crate::{config::OriginConfig, metrics::Metrics};

/// How often the file is read.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How often the log may say that the origin refuses the token; every refusal is counted.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Why the file holds no valid token at the start.
#[derive(Debug, thiserror::Error)]
#[error("edge.origin.token_file: {path}: {fault}")]
pub struct BadToken {
    path: String,
    fault: String,
}

pub(super) struct Token {
    header: ArcSwap<HeaderValue>,
    file: Option<PathBuf>,
    /// The file's last content, good or bad: each content is checked and logged once.
    seen: Mutex<Result<String, String>>,
    last_logged: Mutex<Option<Instant>>,
    metrics: Arc<Metrics>,
}

impl Token {
    /// A file must hold a token at the start, because without one the edge could load nothing.
    pub(super) fn new(config: &OriginConfig, metrics: Arc<Metrics>) -> Result<Self, BadToken> {
        let file = Some(PathBuf::from(&config.token_file)).filter(|file| !file.as_os_str().is_empty());
        let token = match &file {
            None => config.token.expose().to_owned(),
            Some(file) => read_at_start(file)?,
        };
        let header = ArcSwap::from_pointee(header(&token));
        Ok(Self { header, file, seen: Mutex::new(Ok(token)), last_logged: Mutex::default(), metrics })
    }

    pub(super) fn header(&self) -> HeaderValue {
        HeaderValue::clone(&self.header.load())
    }

    /// Follows the file for ever; a bad file changes nothing.
    pub(super) async fn follow(&self) {
        let Some(file) = &self.file else { return };
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            self.take(read(file).await);
        }
    }

    fn take(&self, found: Result<String, String>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == found {
            return;
        }
        match &found {
            Ok(token) => {
                self.header.store(Arc::new(header(token)));
                self.metrics.token_changed("taken");
                tracing::info!("edge.origin.token_file has another token, which is used from now on");
            }
            Err(fault) => {
                self.metrics.token_changed("refused");
                tracing::warn!(fault, "edge.origin.token_file holds no valid token; the old one stays in use");
            }
        }
        *seen = found;
    }

    /// The origin answered one of the edge's own calls with 401 or 403.
    pub(super) fn was_refused(&self, status: StatusCode, path: &str, detail: &str) {
        self.metrics.token_refused();
        let mut last_logged = self.last_logged.lock().unwrap_or_else(PoisonError::into_inner);
        if last_logged.is_some_and(|logged| logged.elapsed() < LOG_EVERY) {
            return;
        }
        *last_logged = Some(Instant::now());
        let status = status.as_u16();
        tracing::error!(
            status,
            path,
            detail,
            "the origin refuses this edge's own token: nothing can be loaded until edge.origin.token_file (or \
             edge.origin.token, with a restart) holds a good one of scope edge; `onhand token issue --scope edge` makes one"
        );
    }
}

fn header(token: &str) -> HeaderValue {
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).unwrap_or(HeaderValue::from_static(""));
    header.set_sensitive(true);
    header
}

fn read_at_start(file: &Path) -> Result<String, BadToken> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot be read: {error}"));
    text.and_then(|text| parse_token(&text)).map_err(|fault| BadToken { path: file.display().to_string(), fault })
}

async fn read(file: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("it cannot be read: {error}");
    let file = tokio::fs::File::open(file).await.map_err(cannot)?;
    let mut text = String::new();
    // Whatever the file is, no more than a token and its white space is read.
    file.take(2 * carried::LONGEST as u64).read_to_string(&mut text).await.map_err(cannot)?;
    parse_token(&text)
}

/// The token in a file's text. Editors and shells end a file with a line break.
fn parse_token(text: &str) -> Result<String, String> {
    let token = text.trim();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    carried::fault(token, now).map_or_else(|| Ok(token.to_owned()), Err)
}
