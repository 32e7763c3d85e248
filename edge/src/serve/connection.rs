//! One connection: HTTP/1.1, with time limits for a request's head and for idling.
//!
//! hyper's own header timeout runs while a connection idles too, so it cannot tell the one limit
//! from the other, and it makes a timer for each request; a watch per connection keeps both limits.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::IpAddr,
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
    rt::TokioIo,
    server::graceful::{GracefulShutdown, Watcher},
};
use onhand_http::unread;
use onhand_wire::setting::HttpConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

use crate::{
    http::{Content, Reply},
    node::Node,
    open_connections::OpenConnections,
};

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
    builder.header_read_timeout(None); // [`Phase`] keeps it
    builder.max_header_size(limits.head_bytes);
    // A caller may close its sending side and wait; and a write is not dropped in its middle.
    builder.half_close(true);
    // Named only where it differs: hyper then allocates for each request.
    if limits.headers != HYPERS_HEADERS {
        builder.max_headers(limits.headers);
    }
    builder
}

/// Accepts for ever; dropped to stop. `runtime`: where the next connection is served.
pub(super) async fn accept<H, F>(
    listener: &TcpListener,
    runtime: impl Fn() -> Handle,
    graceful: &GracefulShutdown,
    limits: Limits,
    connections: Arc<OpenConnections>,
    node: Arc<Node>,
    handler: H,
) where
    H: Fn(Arc<Node>, IpAddr, Request<Content>) -> F + Copy + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let _without_nagle = stream.set_nodelay(true);
                let inside = match connections.enter(peer.ip()) {
                    Ok(inside) => inside,
                    Err(problem) => {
                        tokio::spawn(connections.clone().turn_away(stream, problem));
                        continue;
                    }
                };
                // Out of this runtime's reactor; `serve` puts it into its own.
                let Ok(stream) = stream.into_std() else { continue };
                let served = serve(stream, peer.ip(), graceful.watcher(), limits, node.clone(), handler);
                runtime().spawn(async move {
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
    stream: std::net::TcpStream,
    peer: IpAddr,
    watcher: Watcher,
    limits: Limits,
    node: Arc<Node>,
    handler: H,
) where
    H: Fn(Arc<Node>, IpAddr, Request<Content>) -> F + Copy + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let phase = Arc::new(Phase::default());
    let busy = phase.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        busy.set(BUSY);
        let (request, rest) = unread::part(request);
        let (phase, answer) = (busy.clone(), handler(node.clone(), peer, request));
        async move {
            let mut reply = answer.await;
            rest.settle(reply.headers_mut(), limits.head).await;
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

/// Part of a request's head has arrived, or nothing at all yet.
const HEAD: u64 = 0;
const BUSY: u64 = 1;
const IDLE: u64 = 2;

/// What a connection is doing. Requests pay for no clock; the watch sees from one look to the next
/// whether anything has moved.
#[derive(Default)]
struct Phase {
    /// A count of its turns, times four, and what it does.
    turns: AtomicU64,
    /// Odd while the caller takes nothing of an answer; a count of that, too.
    blocked: AtomicU64,
}

impl Phase {
    fn set(&self, phase: u64) {
        let turns = self.turns.load(Ordering::Relaxed) >> 2;
        self.turns.store(((turns + 1) << 2) | phase, Ordering::Relaxed);
    }

    /// Costs one load where the caller keeps up.
    fn wrote(&self, taken: bool) {
        let blocked = self.blocked.load(Ordering::Relaxed);
        if taken == (blocked & 1 == 1) {
            self.blocked.store(blocked + 1, Ordering::Relaxed);
        }
    }

    fn arrived(&self) {
        if self.turns.load(Ordering::Relaxed) & 3 == IDLE {
            self.set(HEAD);
        }
    }

    /// Resolves when the caller has idled, sent its head, or taken nothing of an answer, for too long;
    /// up to a look later.
    async fn expires(&self, limits: Limits) {
        let look = limits.head.min(limits.idle) / 4;
        let mut seen = (self.now(), Instant::now());
        loop {
            tokio::time::sleep(look).await;
            let (state, now) = (self.now(), Instant::now());
            let limit = match state {
                (_, blocked) if blocked & 1 == 1 => limits.idle,
                (turns, _) if turns & 3 == IDLE => limits.idle,
                (turns, _) if turns & 3 == HEAD => limits.head,
                _ => Duration::MAX,
            };
            if state != seen.0 {
                seen = (state, now);
            } else if now - seen.1 >= limit {
                return;
            }
        }
    }

    fn now(&self) -> (u64, u64) {
        (self.turns.load(Ordering::Relaxed), self.blocked.load(Ordering::Relaxed))
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
