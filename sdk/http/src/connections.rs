//! How many connections a listener has open, in total and from one address, and how one too many is refused.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use crate::share::{Share, Shares, network};
use onhand_wire::{Code, Problem};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Semaphore};

use crate::linger::linger;

/// How many connections are refused with an answer at the same time; beyond that, they are closed without one.
const ANSWERED: usize = 256;

/// Why a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The listener has its limit of connections.
    Full,
    /// Its address has its limit of connections.
    BeyondShare,
}

/// Counts refusals, for the metrics.
type Count = dyn Fn(Refusal) + Send + Sync;

/// The connections of one listener.
pub struct Connections {
    most: usize,
    open: AtomicUsize,
    peers: Arc<Shares<IpAddr>>,
    answered: Semaphore,
    count: Box<Count>,
    warned: AtomicBool,
}

/// One open connection; its place is free again when this is dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    _share: Share<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    /// `per_peer`: how many of these one address may have; 0 means no limit.
    pub fn new(most: usize, per_peer: usize, count: impl Fn(Refusal) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: AtomicUsize::new(0),
            peers: Shares::new(per_peer),
            answered: Semaphore::new(ANSWERED),
            count: Box::new(count),
            warned: AtomicBool::new(false),
        })
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Result<Place, Refusal> {
        let share = self.peers.take(network(peer), 1).ok_or(Refusal::BeyondShare)?;
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let place = Place { connections: self.clone(), _share: share };
        if before < self.most { Ok(place) } else { Err(Refusal::Full) }
    }

    /// Answers without reading the request, then waits for the caller to close.
    pub(crate) async fn turn_away(self: Arc<Self>, mut stream: TcpStream, refusal: Refusal) {
        (self.count)(refusal);
        let problem = self.problem(refusal);
        let Ok(_answered) = self.answered.try_acquire() else { return };
        if stream.write_all(&problem.to_answer()).await.is_ok() {
            linger(&mut stream).await;
        }
    }

    fn problem(&self, refusal: Refusal) -> Problem {
        if refusal == Refusal::Full {
            return Problem::new(Code::Overloaded, "too many connections; keep one and use it again");
        }
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!("one address has opened all the connections that http.max_connections_per_peer allows");
        }
        let most = self.peers.most();
        let detail = format!("one address may have {most} connections open here; keep one and use it again");
        Problem::new(Code::RateLimited, detail).with("limit", most)
    }
}
