//! Accepts connections until it is told to stop, then finishes what is under way.

mod connection;
mod crowd;
mod phase;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::Router;
use onhand_wire::{
    setting::HttpConfig,
    share::{Shares, network},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
};

/// Pause after a failed accept: usually no file handle is free.
const PAUSE: Duration = Duration::from_millis(50);

/// The other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Resolves once `stop` holds true and every connection has ended. It has no deadline of its own:
/// whoever drops it cuts the connections that are left.
pub(crate) async fn serve(
    listener: TcpListener,
    pages: Router,
    config: Arc<HttpConfig>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let watched = stop.clone();
    let telling = Arc::new(Semaphore::new(crowd::TOLD));
    let peers = Shares::new(config.max_connections_per_peer);
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // With Nagle, small answers wait for the caller's delayed acknowledgement: 40 ms.
                    let _without_nagle = stream.set_nodelay(true);
                    let Some(share) = peers.take(network(peer.ip()), 1) else {
                        tokio::spawn(crowd::turn_away(stream, telling.clone(), crowd::beyond_share(peers.most())));
                        continue;
                    };
                    if connections.len() >= config.max_connections {
                        tokio::spawn(crowd::turn_away(stream, telling.clone(), crowd::full()));
                        continue;
                    }
                    let served = connection::serve(stream, Peer(peer.ip()), pages.clone(), config.clone(), watched.clone());
                    connections.spawn(async move {
                        served.await;
                        drop(share);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Resolves once `stop` holds true, or its sender is gone.
async fn told(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
