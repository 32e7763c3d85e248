//! The listeners: each serves its pages until the origin is told to stop.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming};
use onhand_http::{
    connections::Connections,
    serve::{Limits, Listener, Stop, Tls, accept},
    setting::HttpConfig,
    unread::Content,
};
use tokio::{net::TcpListener, runtime::Handle};
use tower_service::Service;

use crate::metrics::Metrics;

/// The peer of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

pub(crate) async fn serve(
    tcp: TcpListener,
    tls: Option<Tls>,
    pages: Router,
    config: Arc<HttpConfig>,
    metrics: Metrics,
    stop: Stop,
) {
    let (most, per_peer) = (config.max_connections, config.max_connections_per_peer);
    let connections = Connections::new(most, per_peer, move |refusal| metrics.connection_refused(refusal));
    let answer = move |peer, mut request: Request<Content<Incoming>>| {
        request.extensions_mut().insert(Peer(peer));
        let mut pages = pages.clone();
        async move {
            let answered: Result<_, Infallible> = pages.call(request.map(Body::new)).await;
            answered.unwrap_or_else(|never| match never {})
        }
    };
    let listener = Listener { tcp, limits: Limits::of(&config), connections, tls };
    accept(listener, Handle::current, stop, answer).await;
}
