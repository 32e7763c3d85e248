//! `onhand console`: pages for shoppers, administrators and operators.
//!
//! It knows only the client: public and management calls, made in the name of whoever is signed in. It keeps nothing:
//! sessions are sealed cookies, users are the origin's. A request passes through these modules, in this order:
//!
//! | step | module | what it does |
//! |---|---|---|
//! | 1 | `http` | headers of every answer; a forged call is refused ([`asking`]) |
//! | 2 | `seal`, `people` | the cookie's session, and its person as the origin knows the person now |
//! | 3 | `http` | whether the role may see the page |
//! | 4 | `pages` | asks the nodes ([`nodes`]) and makes a [`page`] of what they say |

mod config;
mod assets;
mod asking;
mod seal;
mod people;
mod nodes;
mod fields;
mod page;
mod caller;
mod pages;
mod http;

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming};
use onhand_http::{
    auth::Issuer,
    connections::Connections,
    serve::{Drain, Limits, Listener, Tls, accept},
    tls::{Acceptor, TlsFault},
    unread::Content,
};
use tokio::{net::TcpListener, runtime::Handle};
use tower_service::Service;

pub use self::config::Config;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("console.listen: cannot listen on {address}: {cause}")]
    Listen { address: String, cause: std::io::Error },
    #[error(transparent)]
    Client(#[from] onhand_client::Error),
    #[error(transparent)]
    Tls(#[from] TlsFault),
}

/// For `onhand check`: whether an origin accepts the tokens that the console signs; else what to do.
pub async fn probe(config: &Config, issuer: Issuer) -> Result<String, String> {
    let nodes = nodes::Nodes::new(config, issuer).map_err(|error| error.to_string())?;
    match nodes.users().users().limit(1).await {
        Ok(_) => Ok("an origin accepts the tokens that it signs".to_owned()),
        Err(error) if error.problem().is_some_and(|problem| matches!(problem.status.as_u16(), 401 | 403)) => Err(
            "origins do not accept tokens that console.key_file signs: name its public half in auth.key_file or among \
             auth.issuers with greatest = \"admin\", and the same issuer, audience and kid"
                .to_owned(),
        ),
        Err(error) => Err(error.to_string()),
    }
}

/// A bound console, ready to serve.
pub struct Console {
    tcp: TcpListener,
    pages: Router,
    shared: caller::Shared,
    tls: Option<Arc<Acceptor>>,
    config: Config,
}

impl Console {
    /// Binds the listener (port 0: any free one). `issuer` signs people's tokens.
    ///
    /// # Panics
    /// If the configuration has faults ([`Config::faults`]), or no `seal_key`.
    pub async fn bind(config: Config, issuer: Issuer) -> Result<Self, StartError> {
        let failed = |cause| StartError::Listen { address: config.listen.clone(), cause };
        let tcp = TcpListener::bind(&config.listen).await.map_err(failed)?;
        let shared = caller::Shared::new(&config, issuer)?;
        let pages = http::router(shared.clone(), Arc::new(config.http.clone()));
        let tls = Acceptor::start(&config.http.tls)?;
        Ok(Self { tcp, pages, shared, tls, config })
    }

    /// # Panics
    /// If the system no longer knows the address of an open socket.
    pub fn address(&self) -> SocketAddr {
        self.tcp.local_addr().expect("a bound socket has an address")
    }

    /// Serves until `stop`, then lets current calls finish within `console.drain`.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) {
        let Self { tcp, pages, shared, tls, config } = self;
        let connections = Connections::new(config.http.max_connections, config.http.max_connections_per_peer, |_| {
            tracing::debug!("a connection was refused")
        });
        let answer = move |peer, mut request: Request<Content<Incoming>>| {
            request.extensions_mut().insert(caller::Peer(peer));
            let mut pages = pages.clone();
            async move {
                let answered: Result<_, Infallible> = pages.call(request.map(Body::new)).await;
                answered.unwrap_or_else(|never| match never {})
            }
        };
        let tls = tls.map(|acceptor| Tls { acceptor, plain_on_loopback: false });
        let listener = Listener { tcp, limits: Limits::of(&config.http), connections, tls };
        let (drain, stopped) = Drain::new();
        let accepting = tokio::spawn(accept(listener, Handle::current, stopped, answer));
        stop.await;
        shared.0.stopping.send_replace(true);
        if drain.end(config.drain.0).await {
            tracing::warn!("calls were still under way after console.drain, and were cut off");
        }
        drop(accepting.await);
    }
}
