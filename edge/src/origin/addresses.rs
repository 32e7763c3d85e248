//! The origins of the region, and which of them to ask.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use onhand_http::{
    call,
    outgoing::{HttpConnect, Outgoing, causes},
    setting::SecretUrl,
};

use super::{Call, OriginAnswer, OriginError};

/// Largest answer that is read, in bytes: a thousand SKUs at hundreds of locations.
const ANSWER_BYTES: usize = 256 << 20;
/// How long one origin may take to accept a connection before the next is tried.
const CONNECT: Duration = Duration::from_millis(500);
/// Pause before the same origin is tried again.
const PAUSE: Duration = Duration::from_millis(20);
/// How long an origin's health page may take.
const HEALTH: Duration = Duration::from_millis(500);

/// An origin's address that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("edge.origin.urls: {0:?} must be https://HOST:PORT or http://HOST:PORT, without user, path or query")]
pub struct BadUrl(SecretUrl);

/// The result of one attempt.
enum Attempt {
    Answered(OriginAnswer),
    NotSent,
    Lost,
    /// Its time was up before the answer came.
    Late,
}

/// A call that no origin answered.
pub(super) struct Unanswered {
    pub(super) error: OriginError,
    /// Whether the network or the origins are to blame. If the caller left little time, nobody can tell.
    pub(super) at_fault: bool,
}

/// What the attempts at one call have shown so far.
#[derive(Default)]
struct Tried {
    any: bool,
    sent: bool,
    late: bool,
}

impl Tried {
    /// `hurried`: whether the caller left less time than an origin may take.
    fn unanswered(self, call: &Call, hurried: bool) -> Unanswered {
        let over = Instant::now() + call::LEAST > call.deadline;
        let error = match self {
            Self { any: false, .. } => OriginError::NoTime,
            Self { sent: true, .. } if over => OriginError::TimedOut,
            _ => OriginError::Unreachable,
        };
        Unanswered { error, at_fault: self.any && !(self.late && hurried) }
    }
}

pub(super) struct Addresses {
    client: Client<HttpConnect, Full<Bytes>>,
    /// `http://HOST:PORT` or `https://HOST:PORT`, without a path.
    urls: Vec<String>,
    /// For each origin, whether a failure to connect has been logged since the last connection.
    told: Vec<AtomicBool>,
    /// The origin that answered last, or the next one after it failed.
    preferred: AtomicUsize,
}

impl Addresses {
    pub(super) fn new(urls: &[SecretUrl], outgoing: &Outgoing) -> Result<Self, BadUrl> {
        let urls = urls.iter().map(checked).collect::<Result<Vec<_>, _>>()?;
        if urls.is_empty() {
            return Err(BadUrl(SecretUrl::default()));
        }
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .build(outgoing.connector(CONNECT));
        let told = urls.iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Self { client, urls, told, preferred: AtomicUsize::new(0) })
    }

    pub(super) fn several(&self) -> bool {
        self.urls.len() > 1
    }

    /// The origin after the preferred one.
    pub(super) fn next(&self) -> usize {
        (self.preferred.load(Ordering::Relaxed) + 1) % self.urls.len()
    }

    /// So that other calls do not have to find out the same for themselves.
    pub(super) fn turn_from(&self, index: usize) {
        let next = (index + 1) % self.urls.len();
        let _turned_already = self.preferred.compare_exchange(index, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Makes the call at the preferred origin, or at the given one, then at each other one, and once more at the first,
    /// until one answers or time runs out. `usual`: how long an origin may take.
    pub(super) async fn attempts(
        &self,
        call: &Call,
        first: Option<usize>,
        usual: Duration,
    ) -> Result<OriginAnswer, Unanswered> {
        let first = first.unwrap_or_else(|| self.preferred.load(Ordering::Relaxed));
        let hurried = call.deadline < Instant::now() + usual.mul_f64(0.9);
        let mut tried = Tried::default();
        let mut unavailable = None;
        let attempts = self.urls.len() + 1;
        for attempt in 0..attempts {
            let left = call.deadline.saturating_duration_since(Instant::now());
            if left < call::LEAST {
                break;
            }
            tried.any = true;
            // An origin that hangs must leave time for the next one; the last attempt may use what is left.
            let share = if attempt + 1 < self.urls.len() { left / 2 } else { left };
            let index = (first + attempt) % self.urls.len();
            match self.attempt(index, call, share).await {
                Attempt::Answered(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                    unavailable = Some(answer);
                    if attempt + 1 >= self.urls.len() {
                        break;
                    }
                }
                Attempt::Answered(answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Attempt::NotSent => self.turn_from(index),
                failed @ (Attempt::Lost | Attempt::Late) => {
                    tried.sent = true;
                    let late = matches!(failed, Attempt::Late);
                    tried.late |= late;
                    // A call with little time has not shown that the origin hangs.
                    if !(late && hurried) {
                        self.turn_from(index);
                    }
                }
            }
            if attempt + 1 >= self.urls.len() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        unavailable.ok_or_else(|| tried.unanswered(call, hurried))
    }

    async fn attempt(&self, index: usize, call: &Call, patience: Duration) -> Attempt {
        let left = call.deadline.saturating_duration_since(Instant::now()).as_millis();
        let mut request = Request::new(Full::new(call.body.clone()));
        let Ok(uri) = Uri::try_from(format!("{}{}", self.urls[index], call.path)) else { return Attempt::NotSent };
        *request.uri_mut() = uri;
        *request.method_mut() = call.method.clone();
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().insert(&call::TIMEOUT, HeaderValue::from(u64::try_from(left).unwrap_or(0)));
        let answered = tokio::time::timeout(patience, async {
            let response = self.client.request(request).await.map_err(|error| self.not_connected(index, &error))?;
            self.told[index].store(false, Ordering::Relaxed);
            let (head, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|_| false)?;
            Ok(OriginAnswer { status: head.status, headers: head.headers, body: body.to_bytes(), from: index })
        });
        match answered.await {
            Ok(Ok(answer)) => Attempt::Answered(answer),
            Ok(Err(true)) => Attempt::NotSent,
            Ok(Err(false)) => Attempt::Lost,
            Err(_) => Attempt::Late,
        }
    }

    /// Whether the error means that no connection was made, so that the call was not sent. Without this log line, a
    /// certificate that is not trusted would look like an origin that is down.
    fn not_connected(&self, index: usize, error: &hyper_util::client::legacy::Error) -> bool {
        let so = error.is_connect();
        if so && !self.told[index].swap(true, Ordering::Relaxed) {
            tracing::warn!(origin = self.urls[index], error = causes(error), "an origin cannot be connected to");
        }
        so
    }

    /// Whether one of them says that it is healthy; that one is then asked first.
    pub(super) async fn healthy(&self) -> bool {
        for index in 0..self.urls.len() {
            let call = Call {
                method: Method::GET,
                path: "/inventory/health".to_owned(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
                deadline: Instant::now() + HEALTH,
            };
            let answer = self.attempt(index, &call, HEALTH).await;
            if matches!(answer, Attempt::Answered(answer) if answer.status == StatusCode::OK) {
                self.preferred.store(index, Ordering::Relaxed);
                return true;
            }
        }
        false
    }
}

fn checked(url: &SecretUrl) -> Result<String, BadUrl> {
    let bad = || BadUrl(url.clone());
    let bare = url.expose().trim_end_matches('/');
    let uri: Uri = bare.parse().map_err(|_| bad())?;
    let usable = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some()
        && uri.path() == "/"
        && uri.query().is_none();
    let named = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if usable && named { Ok(bare.to_owned()) } else { Err(bad()) }
}
