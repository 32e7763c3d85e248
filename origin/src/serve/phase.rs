//! What a connection is doing and since when, so that each phase has its own time limit.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

const IDLE: u64 = 1;
/// The connection is new, or part of a request's head has arrived.
const HEAD: u64 = 2;
/// From a request's head to its answer's last byte.
const BUSY: u64 = 3;

/// Not blocked.
const FREE: u64 = u64::MAX;

pub(super) struct Phase {
    born: Instant,
    /// Milliseconds of the connection's life, times four, plus the phase.
    state: AtomicU64,
    /// Since when the caller has taken nothing, in milliseconds.
    blocked: AtomicU64,
}

impl Phase {
    pub(super) fn new() -> Self {
        Self { born: Instant::now(), state: AtomicU64::new(HEAD), blocked: AtomicU64::new(FREE) }
    }

    fn ms(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX >> 2)
    }

    fn phase(&self) -> u64 {
        self.state.load(Ordering::Relaxed) & 3
    }

    fn set(&self, phase: u64) {
        self.state.store((self.ms() << 2) | phase, Ordering::Relaxed);
    }

    /// A request's head is complete.
    pub(super) fn begins(&self) {
        self.set(BUSY);
    }

    fn arrived(&self) {
        if self.phase() == IDLE {
            self.set(HEAD);
        }
    }

    fn wrote(&self, taken: bool) {
        if !taken {
            let _first_stays = self.blocked.compare_exchange(FREE, self.ms(), Ordering::Relaxed, Ordering::Relaxed);
            return;
        }
        self.blocked.store(FREE, Ordering::Relaxed);
        // The end of an answer is still being sent.
        if self.phase() == IDLE {
            self.set(IDLE);
        }
    }

    /// Resolves when the caller has idled, sent a head, or taken nothing of an answer, for too long.
    pub(super) async fn expires(&self, head: Duration, idle: Duration) {
        loop {
            let state = self.state.load(Ordering::Relaxed);
            let (since, now) = (Duration::from_millis(state >> 2), self.born.elapsed());
            let blocked = self.blocked.load(Ordering::Relaxed);
            let until = match state & 3 {
                _ if blocked != FREE => Duration::from_millis(blocked) + idle,
                HEAD => since + head,
                IDLE => since + idle,
                _ => now + head,
            };
            if now >= until {
                return;
            }
            // A shorter limit may begin meanwhile.
            tokio::time::sleep((until - now).min(head).min(idle)).await;
        }
    }
}

/// An answer's body; the call ends with it.
pub(super) struct Answer {
    body: Body,
    phase: Arc<Phase>,
}

impl Answer {
    pub(super) fn new(body: Body, phase: Arc<Phase>) -> Self {
        Self { body, phase }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.phase.set(IDLE);
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Notes when bytes arrive and whether bytes are taken.
pub(super) struct Watched {
    stream: TcpStream,
    phase: Arc<Phase>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, phase: Arc<Phase>) -> Self {
        Self { stream, phase }
    }

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
