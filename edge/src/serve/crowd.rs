//! How many connections a listener has open, and how one too many is turned away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use onhand_wire::{Code, Problem};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

/// Connections being told at once; beyond, they are cut without a word.
const TOLD: usize = 256;
/// How long one that was told may take to leave.
const LEAVE: Duration = Duration::from_secs(1);

pub(crate) struct Crowd {
    most: usize,
    open: AtomicUsize,
    telling: Semaphore,
}

/// One of the connections; gives its place back when it ends.
pub(super) struct Inside(Arc<Crowd>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crowd {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: AtomicUsize::new(0), telling: Semaphore::new(TOLD) })
    }

    pub(crate) fn len(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A place, if there is one.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Inside> {
        let inside = Inside(self.clone());
        (self.open.fetch_add(1, Ordering::Relaxed) < self.most).then_some(inside)
    }

    /// Answers without reading, then waits for the caller to close: to close first, with a request
    /// unread, would take the answer back.
    pub(super) async fn turn_away(self: Arc<Self>, mut stream: TcpStream) {
        let Ok(_telling) = self.telling.try_acquire() else { return };
        let problem = Problem::new(Code::Overloaded, "too many connections; keep one and use it again");
        let told = async {
            stream.write_all(&problem.to_answer()).await?;
            stream.shutdown().await?;
            let mut dropped = [0; 1024];
            while stream.read(&mut dropped).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        let _left_or_not = tokio::time::timeout(LEAVE, told).await;
    }
}
