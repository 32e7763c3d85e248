//! Binds, starts the background work, accepts, and drains at the end.

mod workers;
mod start;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use onhand_http::{
    actuator::Loggers,
    connections::Connections,
    serve::{Drain, Limits, Listener, Tls, accept},
    tls::{Acceptor, TlsFault},
};
use onhand_rules::Rules;
use tokio::{net::TcpListener, runtime::Handle, sync::watch};

use crate::{Auth, BadOrigin, Config, Feed, feed::Stop, node::Node, redis_client::BadRedis};
use workers::Workers;

/// Connections to the management listener; shoppers' connections do not count.
const OPERATORS: usize = 1024;

/// A node that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{key}: cannot listen on {address}: {source}")]
    Listen { key: &'static str, address: String, source: std::io::Error },
    #[error(transparent)]
    Origin(#[from] BadOrigin),
    #[error(transparent)]
    Redis(#[from] BadRedis),
    #[error(transparent)]
    Tls(#[from] TlsFault),
    #[error("the order lanes: {0}")]
    Lanes(#[from] rdkafka::error::KafkaError),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// A node whose ports are bound and whose feed is being read.
pub struct Edge {
    public: TcpListener,
    management: TcpListener,
    addresses: (SocketAddr, SocketAddr),
    node: Arc<Node>,
    ready: watch::Receiver<bool>,
    limits: Limits,
    tls: Option<Arc<Acceptor>>,
    workers: Workers,
    drain: Duration,
    background: Background,
}

/// Threads and tasks that end with the node.
struct Background {
    stop: Stop,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.stop();
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

async fn listen(key: &'static str, address: &str) -> Result<TcpListener, StartError> {
    let failed = |source| StartError::Listen { key, address: address.to_owned(), source };
    TcpListener::bind(address).await.map_err(failed)
}

impl Edge {
    /// Binds both ports first, then starts to read the feed and to load the topology; both are tried until they
    /// succeed. `build`: the version that `/health` shows.
    pub async fn bind(
        config: Config,
        feed: Feed,
        auth: Auth,
        rules: Rules,
        build: impl Into<String>,
    ) -> Result<Self, StartError> {
        let public = listen("edge.listen", &config.listen).await?;
        let management = listen("edge.management", &config.management).await?;
        let local = |listener: &TcpListener| listener.local_addr();
        let addresses = (local(&public)?, local(&management)?);
        let limits = Limits::of(&config.http);
        let tls = Acceptor::start(&config.http.tls)?;
        let (workers, drain) = (Workers::start(config.threads)?, config.drain.0);
        let (node, background) = start::start(&config, feed, auth, rules, build.into())?;
        let ready = node.ready.clone();
        Ok(Self { public, management, addresses, node, ready, limits, tls, workers, drain, background })
    }

    /// What `/openapi.json` answers; without it, the page is not there.
    pub fn with_openapi(self, document: String) -> Self {
        let _first_one_stays = self.node.openapi.set(document.into());
        self
    }

    /// Where `/` leads; without it, the page is not there.
    pub fn with_console(self, address: &str) -> Self {
        if let Ok(address) = http::HeaderValue::from_str(address) {
            let _first_one_stays = self.node.console.set(address);
        }
        self
    }

    /// Lets `/actuator/loggers` change log levels while it runs; without it, the page is not there.
    pub fn with_loggers(self, loggers: Arc<dyn Loggers>) -> Self {
        let _first_one_stays = self.node.loggers.set(loggers);
        self
    }

    pub fn public(&self) -> SocketAddr {
        self.addresses.0
    }

    pub fn management(&self) -> SocketAddr {
        self.addresses.1
    }

    /// Resolves when the topology is loaded and a first watermark applied. Until then lookups are
    /// answered 503 and readiness is down.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut ready = self.ready.clone();
        async move {
            if ready.wait_for(|ready| *ready).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Serves until `shutdown`, then stops accepting, ends streams, and lets requests in flight finish
    /// within `drain`.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), std::io::Error> {
        let Self { public, management, node, limits, tls, workers, drain: patience, background, .. } = self;
        let (drain, stop) = Drain::new();
        {
            let (at_work, here) = (|| workers.next().clone(), Handle::current);
            let speaking = |plain_on_loopback| tls.clone().map(|acceptor| Tls { acceptor, plain_on_loopback });
            let public = Listener { tcp: public, limits, connections: node.connections.clone(), tls: speaking(false) };
            let management = Listener { tcp: management, limits, connections: operators(&node), tls: speaking(true) };
            let (shopper, operator) = (node.clone(), node.clone());
            let shop = move |peer, request| crate::http::public(shopper.clone(), peer, request);
            let operate = move |peer, request| crate::http::management(operator.clone(), peer, request);
            let shoppers = accept(public, at_work, stop.clone(), shop);
            let operators = accept(management, here, stop, operate);
            tokio::select! {
                () = shoppers => {}
                () = operators => {}
                () = shutdown => {}
            }
        }
        node.streams.end();
        if drain.end(patience).await {
            tracing::warn!(?patience, "requests in flight were cut");
        }
        drop((workers, background));
        Ok(())
    }
}

fn operators(node: &Node) -> Arc<Connections> {
    let metrics = node.metrics.clone();
    Connections::new(OPERATORS, 0, move |refusal| metrics.connection_refused(refusal))
}
