//! How many connections a listener has open, and how one too many, of all or of one address, is turned away.

use std::{
    net::IpAddr,
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

use crate::{
    admission::{Caller, Share, ShareLimit, Shares},
    metrics::Metrics,
};

/// OpenConnections being told at once; beyond, they are cut without a word.
const TOLD_AT_ONCE: usize = 256;
/// How long one that was told may take to leave.
const LEAVE: Duration = Duration::from_secs(1);

pub(crate) struct OpenConnections {
    most: usize,
    open: AtomicUsize,
    peers: Shares,
    being_told: Semaphore,
    metrics: Arc<Metrics>,
}

/// One of the connections; gives its place back when it ends.
pub(crate) struct OpenConnection {
    connections: Arc<OpenConnections>,
    /// None where nobody counts by address.
    _share: Option<Share>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl OpenConnections {
    /// `per_peer`: of these, those of one address; 0: no such limit.
    pub(crate) fn new(most: usize, per_peer: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        let right = |most| format!("one address may have {most} connections open here; keep one and use it again");
        let peers = Shares::new(ShareLimit::new("connections", per_peer, right, metrics.clone()));
        Arc::new(Self { most, open: AtomicUsize::new(0), peers, being_told: Semaphore::new(TOLD_AT_ONCE), metrics })
    }

    pub(crate) fn len(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// A place.
    ///
    /// # Errors
    /// Why there is none, for [`Self::turn_away`].
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<OpenConnection, Problem> {
        let share = self.peers.limited().then(|| self.peers.take(Caller::address(peer))).transpose();
        let share = share.inspect_err(|_| self.metrics.connection_refused())?;
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let open = OpenConnection { connections: self.clone(), _share: share };
        if before < self.most {
            return Ok(open);
        }
        self.metrics.connection_refused();
        Err(Problem::new(Code::Overloaded, "too many connections; keep one and use it again"))
    }

    /// Answers without reading, then waits for the caller to close: to close first, with a request
    /// unread, would take the answer back.
    pub(crate) async fn turn_away(self: Arc<Self>, mut stream: TcpStream, problem: Problem) {
        let Ok(_being_told) = self.being_told.try_acquire() else { return };
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
