//! A TCP proxy that can cut, black-hole, delay and throttle what passes, and heal again.
//!
//! It is between two processes of a world; each knows only the proxy's address instead of the other's.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use crate::port::Port;

const PIECE: usize = 16 << 10;
/// Pieces under way in one direction; beyond that a sender waits, as with a full window.
const WINDOW: usize = 256;

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weather {
    /// Connections are closed, and new ones refused.
    cut: bool,
    /// Nothing arrives, without an error.
    black_hole: bool,
    /// How much later each byte arrives, in each direction.
    delay: Duration,
    /// The limit for each connection and direction; 0 means no limit.
    bytes_per_s: u64,
    /// How often all connections were closed.
    closed: u64,
}

/// The proxy of one server. It ends with the world, or with the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    weather: watch::Sender<Weather>,
    serving: AbortHandle,
}

impl Proxy {
    /// Listens on a port of its own, and connects to a port of 127.0.0.1.
    pub async fn to(target: u16) -> Self {
        Self::on(Port::reserve(), target).await
    }

    pub(crate) async fn on(port: Port, target: u16) -> Self {
        let (weather, watched) = watch::channel(Weather::default());
        let listener = listen(port.number).await;
        let serving = tokio::spawn(serve(listener, port.number, target, watched)).abort_handle();
        Self { port, weather, serving }
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// Both sides see their connections closed; new ones are refused.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cut = true);
    }

    /// Bytes are held back until [`Proxy::heal`]; then they arrive, as by TCP's retransmission.
    pub fn black_hole(&self) {
        self.weather.send_modify(|weather| weather.black_hole = true);
    }

    /// Each byte arrives this much later, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// Passes at most this many bytes a second, for each connection and direction.
    pub fn throttle(&self, bytes_per_s: u64) {
        self.weather.send_modify(|weather| weather.bytes_per_s = bytes_per_s);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| *weather = Weather { closed: weather.closed, ..Weather::default() });
    }

    /// Closes all connections; new ones are accepted.
    pub fn drop_connections(&self) {
        self.weather.send_modify(|weather| weather.closed += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn listen(port: u16) -> TcpListener {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpListener::bind(address).await.unwrap_or_else(|error| panic!("a proxy at {address}: {error}"))
}

/// Serves until all connections are closed for a fault. While the proxy is cut nobody listens, so that callers are
/// refused.
async fn serve(listener: TcpListener, port: u16, target: u16, mut weather: watch::Receiver<Weather>) {
    let mut listener = Some(listener);
    loop {
        let open = match listener.take() {
            Some(listener) => listener,
            None => listen(port).await,
        };
        let closed = weather.borrow().closed;
        let mut connections = JoinSet::new();
        let watched = weather.clone();
        let ended = tokio::select! {
            () = accept(&open, &mut connections, target, watched) => return,
            ended = weather.wait_for(|weather| weather.cut || weather.closed != closed) => ended.map(|_| ()),
        };
        drop((open, connections));
        if ended.is_err() || weather.wait_for(|weather| !weather.cut).await.is_err() {
            return;
        }
    }
}

async fn accept(listener: &TcpListener, connections: &mut JoinSet<()>, target: u16, weather: watch::Receiver<Weather>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connect(stream, target, weather.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A server that is down refuses; the caller sees its connection closed.
async fn connect(near: TcpStream, target: u16, weather: watch::Receiver<Weather>) {
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    if near.set_nodelay(true).and(far.set_nodelay(true)).is_err() {
        return;
    }
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    tokio::join!(pass(near_in, far_out, weather.clone()), pass(far_in, near_out, weather));
}

/// One direction. Bytes are read at once, so that a delay applies to each byte only once.
async fn pass(from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin, weather: watch::Receiver<Weather>) {
    let (under_way, arriving) = mpsc::channel(WINDOW);
    tokio::join!(read(from, under_way, weather.clone()), write(to, arriving, weather));
}

async fn read(
    mut from: impl AsyncRead + Unpin,
    under_way: mpsc::Sender<(Instant, Vec<u8>)>,
    weather: watch::Receiver<Weather>,
) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match from.read_buf(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let arrives = Instant::now() + weather.borrow().delay;
        if under_way.send((arrives, piece)).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>,
    mut weather: watch::Receiver<Weather>,
) {
    while let Some((arrives, piece)) = arriving.recv().await {
        sleep_until(arrives).await;
        let Ok(now) = weather.wait_for(|weather| !weather.black_hole).await.map(|weather| *weather) else { return };
        if let Some(micros) = (piece.len() as u64 * 1_000_000).checked_div(now.bytes_per_s) {
            sleep(Duration::from_micros(micros)).await;
        }
        if to.write_all(&piece).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await; // half-closes the other side, too
}
