//! A TCP proxy that can cut, black-hole, delay and throttle what passes, and heal again.
//!
//! It stands between two processes of a world: what each knows of the other is the proxy's address.

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
/// Pieces under way in one direction; a sender beyond them waits, as with a full window.
const WINDOW: usize = 256;

/// What happens to the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Weather {
    /// Connections are closed, new ones refused.
    cut: bool,
    /// Nothing arrives, and nobody is told.
    black_hole: bool,
    /// How much later each byte arrives, in each direction.
    delay: Duration,
    /// Of each connection and direction; 0: as many as come.
    bytes_per_s: u64,
    /// How often all connections were closed.
    closed: u64,
}

/// The way to one server. Ends with the world, or with the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    weather: watch::Sender<Weather>,
    serving: AbortHandle,
}

impl Proxy {
    /// On a port of its own, to a port of 127.0.0.1.
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

    /// Bytes vanish until [`Proxy::heal`]; they then arrive, as by TCP's repetition.
    pub fn black_hole(&self) {
        self.weather.send_modify(|weather| weather.black_hole = true);
    }

    /// Each byte arrives so much later, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.weather.send_modify(|weather| weather.delay = delay);
    }

    /// At most so many bytes a second, for each connection and direction.
    pub fn throttle(&self, bytes_per_s: u64) {
        self.weather.send_modify(|weather| weather.bytes_per_s = bytes_per_s);
    }

    /// As if nothing had been.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| *weather = Weather { closed: weather.closed, ..Weather::default() });
    }

    /// Closes what is connected; new connections are taken.
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

/// From one end of all connections to the next. While it is cut nobody listens, so that callers are refused.
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

/// One direction. What is read goes under way at once, so that a delay holds up each byte only once.
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
    let _ = to.shutdown().await; // a half-closed connection is half closed on the other side, too
}
