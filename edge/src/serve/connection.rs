//! One connection: HTTP/1.1, with time limits for a request's head and for idling.
//!
//! hyper's own header timeout runs while a connection idles too, so it cannot tell the one limit
//! from the other, and it makes a timer for each request; a watch per connection keeps both limits.

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
    rt::TokioIo,
    server::graceful::{GracefulShutdown, Watcher},
};
use onhand_wire::setting::HttpConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

use crate::{http::Reply, node::Node};

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
    node: Arc<Node>,
    handler: H,
) where
    H: Fn(Arc<Node>, Request<Incoming>) -> F + Copy + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _without_nagle = stream.set_nodelay(true);
                // Out of this runtime's reactor; `serve` puts it into its own.
                if let Ok(stream) = stream.into_std() {
                    runtime().spawn(serve(stream, graceful.watcher(), limits, node.clone(), handler));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve<H, F>(stream: std::net::TcpStream, watcher: Watcher, limits: Limits, node: Arc<Node>, handler: H)
where
    H: Fn(Arc<Node>, Request<Incoming>) -> F + Copy + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let phase = Arc::new(Phase::default());
    let busy = phase.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        busy.set(BUSY);
        let (phase, answer) = (busy.clone(), handler(node.clone(), request));
        async move {
            let reply = answer.await;
            phase.set(IDLE);
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

/// What a connection is doing: a count of its turns, times four. Requests pay for no clock; the
/// watch sees from one look to the next whether anything has moved.
#[derive(Default)]
struct Phase(AtomicU64);

impl Phase {
    fn set(&self, phase: u64) {
        let turns = self.0.load(Ordering::Relaxed) >> 2;
        self.0.store(((turns + 1) << 2) | phase, Ordering::Relaxed);
    }

    fn arrived(&self) {
        if self.0.load(Ordering::Relaxed) & 3 == IDLE {
            self.set(HEAD);
        }
    }

    /// Resolves when the connection has idled, or sent its head, for too long; up to a look later.
    async fn expires(&self, limits: Limits) {
        let look = limits.head.min(limits.idle) / 4;
        let mut seen = (self.0.load(Ordering::Relaxed), Instant::now());
        loop {
            tokio::time::sleep(look).await;
            let (state, now) = (self.0.load(Ordering::Relaxed), Instant::now());
            let limit = match state & 3 {
                IDLE => limits.idle,
                HEAD => limits.head,
                _ => Duration::MAX,
            };
            if state != seen.0 {
                seen = (state, now);
            } else if now - seen.1 >= limit {
                return;
            }
        }
    }
}

/// Notes when the first bytes of a request arrive.
struct Watched {
    stream: TcpStream,
    phase: Arc<Phase>,
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
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
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
