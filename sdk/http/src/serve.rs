//! A listener, from accepting a connection to its end: HTTP/1.1 within the limits of `[http]`.
//!
//! 1. [`accept`] accepts a connection, or refuses it ([`crate::connections`]).
//! 2. If the listener uses TLS, a handshake comes first ([`crate::tls`]).
//! 3. `serve` reads requests from it, passes each to the handler, and deals with the rest of its body
//!    ([`crate::unread`]).
//! 4. When its time is up ([`crate::phase`]), its caller leaves, or the node stops ([`Stop`]), the connection is
//!    closed.

use std::{convert::Infallible, error::Error, future::Future, net::IpAddr, sync::Arc, time::Duration};

use crate::setting::HttpConfig;
use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::watch,
};

use crate::{
    connections::{Connections, Place},
    linger::linger,
    phase::{Answer, Phase, Watched},
    tls::{Accepted, Acceptor},
    unread::{self, Content},
};

/// Pause after a failed accept: usually no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);
/// hyper's own limit of headers.
const HYPERS_HEADERS: usize = 100;

/// The stages in which a node stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// No connection is accepted, and each closes after its current call.
    Draining,
    /// Connections are closed at once.
    Cut,
}

/// Stops listeners and their connections.
pub struct Drain(watch::Sender<Stage>);

/// Tells a listener and its connections to stop.
#[derive(Clone)]
pub struct Stop(watch::Receiver<Stage>);

impl Drain {
    pub fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(Stage::Serving);
        (Self(sender), Stop(receiver))
    }

    /// Lets current calls finish, for no longer than `patience`; returns true if some were cut off.
    pub async fn end(self, patience: Duration) -> bool {
        self.0.send_replace(Stage::Draining);
        if tokio::time::timeout(patience, self.0.closed()).await.is_ok() {
            return false;
        }
        self.0.send_replace(Stage::Cut);
        self.0.closed().await;
        true
    }
}

impl Stop {
    async fn reached(&mut self, stage: Stage) {
        drop(self.0.wait_for(|reached| *reached >= stage).await);
    }
}

/// The limits of every connection of a listener.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    head: Duration,
    idle: Duration,
    head_bytes: usize,
    headers: usize,
}

impl Limits {
    pub fn of(config: &HttpConfig) -> Self {
        Self {
            head: config.header_timeout.0,
            idle: config.idle_timeout.0,
            head_bytes: usize::try_from(config.max_header_size.0).unwrap_or(usize::MAX),
            headers: config.max_headers,
        }
    }

    /// How hyper reads a connection's requests.
    fn builder(self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder.header_read_timeout(None); // [`Phase`] keeps it
        builder.max_header_size(self.head_bytes);
        // A caller may close its sending side and wait, and a write is not dropped in the middle.
        builder.half_close(true);
        // Set only if it differs, because hyper then allocates for each request.
        if self.headers != HYPERS_HEADERS {
            builder.max_headers(self.headers);
        }
        builder
    }
}

/// Answers the requests of a listener. The address is the peer's.
pub trait Handler: Fn(IpAddr, Request<Content<Incoming>>) -> Self::Answering + Clone + Send + 'static {
    type Answering: Future<Output = Response<Self::Answer>> + Send + 'static;
    type Answer: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static;
}

impl<H, F, B> Handler for H
where
    H: Fn(IpAddr, Request<Content<Incoming>>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static,
{
    type Answering = F;
    type Answer = B;
}

/// A bound address, and the limits of its connections.
pub struct Listener {
    pub tcp: TcpListener,
    pub limits: Limits,
    pub connections: Arc<Connections>,
    pub tls: Option<Tls>,
}

/// How a listener uses TLS.
#[derive(Clone)]
pub struct Tls {
    pub acceptor: Arc<Acceptor>,
    /// Whether callers on the same machine may use plain HTTP, as probes do.
    pub plain_on_loopback: bool,
}

/// Everything needed to serve one connection.
struct Served<H> {
    peer: IpAddr,
    limits: Limits,
    stop: Stop,
    handler: H,
    /// Its place among the connections.
    _place: Place,
}

/// Accepts connections until `stop`. `runtime` chooses where the next connection is served.
pub async fn accept(listener: Listener, runtime: impl Fn() -> Handle, mut stop: Stop, handler: impl Handler) {
    let Listener { tcp, limits, connections, tls } = listener;
    let ends = stop.clone();
    loop {
        let accepted = tokio::select! {
            () = stop.reached(Stage::Draining) => return,
            accepted = tcp.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // With Nagle's algorithm, small answers wait for the caller's delayed acknowledgement: 40 ms.
        let _without_nagle = stream.set_nodelay(true);
        match connections.enter(peer) {
            Ok(place) => {
                // Removes it from this runtime's reactor; `serve` adds it to its own.
                let Ok(stream) = stream.into_std() else { continue };
                let served = Served { peer, limits, stop: ends.clone(), handler: handler.clone(), _place: place };
                runtime().spawn(begin(stream, tls.clone(), served));
            }
            Err(refusal) => drop(tokio::spawn(connections.clone().turn_away(stream, refusal))),
        }
    }
}

async fn begin(stream: std::net::TcpStream, tls: Option<Tls>, mut served: Served<impl Handler>) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let Some(tls) = tls else { return serve(stream, served).await };
    let accepted = tokio::select! {
        accepted = tls.acceptor.accept(stream, served.peer, tls.plain_on_loopback) => accepted,
        () = tokio::time::sleep(served.limits.head) => Err(std::io::ErrorKind::TimedOut.into()),
        () = served.stop.reached(Stage::Cut) => return,
    };
    match accepted {
        Ok(Accepted::Plain(stream)) => serve(stream, served).await,
        Ok(Accepted::Tls(stream)) => serve(stream, served).await,
        Err(error) => tracing::debug!(%error, peer = %served.peer, "a TLS handshake failed"),
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, served: Served<impl Handler>) {
    let Served { peer, limits, mut stop, handler, _place } = served;
    let phase = Arc::new(Phase::default());
    let calls = phase.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        calls.begin();
        let (request, rest) = unread::part(request);
        let (phase, answer) = (calls.clone(), handler(peer, request));
        async move {
            let mut answer = answer.await;
            if !rest.settle(answer.headers_mut(), limits.head).await {
                phase.leave_unread();
            }
            Ok::<_, Infallible>(answer.map(|body| Answer { body, phase }))
        }
    });
    let io = TokioIo::new(Watched { stream, phase: phase.clone() });
    let mut connection = limits.builder().serve_connection(io, service);
    let mut next = Stage::Draining;
    loop {
        tokio::select! {
            // In this order, so that a request that has arrived is read before the connection is told to stop.
            biased;
            served = &mut connection => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection ended early");
                }
                break;
            }
            () = stop.reached(next) => {
                if next == Stage::Cut {
                    return;
                }
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                next = Stage::Cut;
            }
            () = phase.expires(limits.head, limits.idle) => {
                tracing::debug!("a connection took too long");
                return;
            }
        }
    }
    if phase.has_unread() {
        let mut left = connection.into_parts().io.into_inner().stream;
        tokio::select! {
            () = linger(&mut left) => {}
            () = stop.reached(Stage::Cut) => {}
        }
    }
}
