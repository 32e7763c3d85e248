//! One connection: HTTP/1.1 within the limits of `[http]`.
//!
//! hyper's own header timeout runs while a connection idles too, so it cannot tell the one limit
//! from the other; it is set to the longer, and the connection's [`Phase`] keeps both.

use std::{convert::Infallible, pin::pin, sync::Arc};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use onhand_http::unread;
use onhand_wire::setting::HttpConfig;
use tokio::{net::TcpStream, sync::watch};
use tower_service::Service;

use super::{
    Peer,
    phase::{Answer, Phase, Watched},
    told,
};

/// hyper's own limit of headers.
const HYPERS_HEADERS: usize = 100;

fn builder(config: &HttpConfig) -> http1::Builder {
    let mut builder = http1::Builder::new();
    let longer = config.idle_timeout.0.max(config.header_timeout.0);
    builder.timer(TokioTimer::new()).header_read_timeout(longer);
    builder.max_header_size(usize::try_from(config.max_header_size.0).unwrap_or(usize::MAX));
    // Named only where it differs: hyper then allocates for each request.
    if config.max_headers != HYPERS_HEADERS {
        builder.max_headers(config.max_headers);
    }
    // A caller may close its sending side and wait; and a write is not dropped in its middle.
    builder.half_close(true);
    builder
}

/// Serves until the caller leaves, a limit is passed, or `stop` holds true and the call under way
/// has been answered.
pub(super) async fn serve(
    stream: TcpStream,
    peer: Peer,
    pages: Router,
    config: Arc<HttpConfig>,
    mut stop: watch::Receiver<bool>,
) {
    let phase = Arc::new(Phase::new());
    let (calls, patience) = (phase.clone(), config.header_timeout.0);
    let service = service_fn(move |mut request: Request<Incoming>| {
        calls.begins();
        request.extensions_mut().insert(peer);
        let (request, rest) = unread::part(request);
        let (phase, mut pages) = (calls.clone(), pages.clone());
        async move {
            let mut answer = pages.call(request.map(Body::new)).await?;
            rest.settle(answer.headers_mut(), patience).await;
            Ok::<_, Infallible>(answer.map(|body| Answer::new(body, phase)))
        }
    });
    let io = TokioIo::new(Watched::new(stream, phase.clone()));
    let mut connection = pin!(builder(&config).serve_connection(io, service));
    let mut stopping = false;
    loop {
        tokio::select! {
            // In this order: a request that has arrived is read before the connection is told to end.
            biased;
            served = connection.as_mut() => {
                if let Err(error) = served {
                    tracing::debug!(%error, "a connection ended early");
                }
                return;
            }
            () = told(&mut stop), if !stopping => {
                connection.as_mut().graceful_shutdown();
                stopping = true;
            }
            () = phase.expires(config.header_timeout.0, config.idle_timeout.0) => {
                tracing::debug!("a connection took too long");
                return;
            }
        }
    }
}
