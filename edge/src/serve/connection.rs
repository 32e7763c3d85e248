//! One connection: HTTP/1.1, with time limits for a request's head and for idling.
//!
//! hyper's own header timeout runs while a connection idles too, so it cannot tell the one limit
//! from the other; it is set to the longer, and a watch per connection keeps both.

use std::{
    convert::Infallible,
    future::Future,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use onhand_wire::setting::HttpConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use super::crowd::Crowd;
use crate::{admission::Peer, http::Reply, node::Node};

/// Pause after a failed accept: usually no file handle is free.
const PAUSE: Duration = Duration::from_millis(50);
/// hyper's own limit.
const HYPERS_HEADERS: usize = 100;

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    head_bytes: usize,
    headers: usize,
}

impl Limits {
    pub(super) fn of(config: &HttpConfig) -> Self {
        Self {
            head: config.header_timeout.0,
            idle: config.idle_timeout.0,
            head_bytes: usize::try_from(config.max_header_size.0).unwrap_or(usize::MAX),
            headers: config.max_headers,
        }
    }
}

/// How hyper reads a connection's requests.
fn builder(limits: Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.idle.max(limits.head));
    builder.max_header_size(limits.head_bytes);
    // A caller may close its sending side and wait; and a write is not dropped in its middle.
    builder.half_close(true);
    // Named only where it differs: hyper then allocates for each request.
    if limits.headers != HYPERS_HEADERS {
        builder.max_headers(limits.headers);
    }
    builder
}

/// Accepts for ever; dropped to stop.
pub(super) async fn accept<H, F>(
    listener: &TcpListener,
    graceful: &GracefulShutdown,
    limits: Limits,
    crowd: Arc<Crowd>,
    node: Arc<Node>,
    handler: H,
) where
    H: Fn(Arc<Node>, Request<Incoming>) -> F + Copy + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _without_nagle = stream.set_nodelay(true);
                let Some(inside) = crowd.enter() else {
                    node.metrics.connection_refused();
                    tokio::spawn(crowd.clone().turn_away(stream));
                    continue;
                };
                let peer = node.rates.by_address().then_some(Peer(peer));
                let served = serve(stream, peer, graceful.watcher(), limits, node.clone(), handler);
                tokio::spawn(async move {
                    served.await;
                    drop(inside);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve<H, F>(
    stream: TcpStream,
    peer: Option<Peer>,
    watcher: Watcher,
    limits: Limits,
    node: Arc<Node>,
    handler: H,
) where
    H: Fn(Arc<Node>, Request<Incoming>) -> F + Copy + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let phase = Arc::new(Phase::new());
    let busy = phase.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        busy.set(BUSY);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let (phase, node) = (busy.clone(), node.clone());
        async move {
            let reply = handler(node, request).await;
            // A stream lasts until it ends, and its connection ends with it.
            if !reply.body().is_stream() {
                phase.set(IDLE);
            }
            Ok::<_, Infallible>(reply)
        }
    });
    let io = TokioIo::new(Watched { stream, phase: phase.clone() });
    let connection = builder(limits).serve_connection(io, service);
    let connection = pin!(watcher.watch(connection));
    tokio::select! {
        served = connection => {
            if let Err(error) = served {
                tracing::debug!(%error, "a connection ended early");
            }
        }
        () = phase.expires(limits) => tracing::debug!("a connection took too long"),
    }
}

const IDLE: u64 = 0;
/// Part of a request's head has arrived.
const HEAD: u64 = 1;
const BUSY: u64 = 2;

/// Not blocked.
const FREE: u64 = u64::MAX;

/// What a connection is doing, and since when: milliseconds of its life, times four.
struct Phase {
    born: Instant,
    state: AtomicU64,
    /// Since when the caller has taken nothing, in milliseconds of the connection's life.
    blocked: AtomicU64,
}

impl Phase {
    fn new() -> Self {
        Self { born: Instant::now(), state: AtomicU64::new(HEAD), blocked: AtomicU64::new(FREE) }
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX >> 2)
    }

    fn set(&self, phase: u64) {
        self.state.store((self.ms() << 2) | phase, Ordering::Relaxed);
    }

    /// Costs one load where the caller keeps up.
    fn wrote(&self, taken: bool) {
        match (taken, self.blocked.load(Ordering::Relaxed)) {
            (true, FREE) => {}
            (true, _) => self.blocked.store(FREE, Ordering::Relaxed),
            (false, FREE) => self.blocked.store(self.ms(), Ordering::Relaxed),
            (false, _) => {}
        }
    }

    fn arrived(&self) {
        if self.state.load(Ordering::Relaxed) & 3 == IDLE {
            self.set(HEAD);
        }
    }

    /// Resolves when the caller has idled, sent its head, or taken nothing of an answer, for too long.
    async fn expires(&self, limits: Limits) {
        loop {
            let state = self.state.load(Ordering::Relaxed);
            let since = Duration::from_millis(state >> 2);
            let blocked = self.blocked.load(Ordering::Relaxed);
            let until = match state & 3 {
                _ if blocked != FREE => Duration::from_millis(blocked) + limits.idle,
                IDLE => since + limits.idle,
                HEAD => since + limits.head,
                _ => self.born.elapsed() + limits.head,
            };
            let now = self.born.elapsed();
            if now >= until {
                return;
            }
            // A head may begin to arrive meanwhile, and has less time; or the caller may stop taking.
            tokio::time::sleep((until - now).min(limits.head).min(limits.idle)).await;
        }
    }
}

/// Notes when the first bytes of a request arrive, and whether the bytes of an answer are taken.
struct Watched {
    stream: TcpStream,
    phase: Arc<Phase>,
}

impl Watched {
    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.phase.wrote(written.is_ready());
        written
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.phase.arrived();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
