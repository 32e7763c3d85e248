//! What a connection is doing, so that each phase has its own time limit.
//!
//! hyper's own header timeout also runs while a connection idles, so it cannot tell the two limits apart, and it makes
//! a timer for each request. One watch for each connection keeps both limits.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The connection is new, or part of a request's head has arrived.
const HEAD: u64 = 0;
/// From the end of a request's head to the end of its answer.
const BUSY: u64 = 1;
/// Between requests.
const IDLE: u64 = 2;

/// A connection's phase. Requests do not read the clock: the watch compares the phase with the phase that it saw
/// before.
#[derive(Default)]
pub(crate) struct Phase {
    /// How often the phase has changed, times four, plus the phase.
    turns: AtomicU64,
    /// Odd while the caller takes nothing of an answer; it counts how often that happened.
    blocked: AtomicU64,
    /// Whether a request's body was left unread, so that the caller may still be sending.
    unread: AtomicBool,
}

impl Phase {
    /// A request's head is complete.
    pub(crate) fn begin(&self) {
        self.set(BUSY);
    }

    pub(crate) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u64) {
        let turns = self.turns.load(Ordering::Relaxed) >> 2;
        self.turns.store(((turns + 1) << 2) | phase, Ordering::Relaxed);
    }

    /// Costs one load if the caller keeps up.
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

    /// Resolves when the caller has been idle, has been sending a head, or has taken nothing of an answer for too long,
    /// or up to a quarter of the shorter limit later.
    pub(crate) async fn expires(&self, head: Duration, idle: Duration) {
        let interval = head.min(idle) / 4;
        let mut seen = (self.now(), Instant::now());
        loop {
            tokio::time::sleep(interval).await;
            let (state, now) = (self.now(), Instant::now());
            let limit = match state {
                (_, blocked) if blocked & 1 == 1 => idle,
                (turns, _) if turns & 3 == IDLE => idle,
                (turns, _) if turns & 3 == HEAD => head,
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

/// An answer's body; when it ends, the connection becomes idle.
pub(crate) struct Answer<B> {
    pub(crate) body: B,
    pub(crate) phase: Arc<Phase>,
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        self.phase.set(IDLE);
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection's stream: notes when the first bytes of a request arrive, and whether those of an answer are taken.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) phase: Arc<Phase>,
}

impl<S> Watched<S> {
    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.phase.wrote(written.is_ready());
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.phase.arrived();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
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
