//! A peer for `make bench-lookups`: hyper and moka with nothing around them.
//!
//! One current_thread runtime, one SKU's body for each path, only a content type as header, no limits, no metrics: the
//! least that a cache over HTTP costs with the libraries that the edge uses.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use moka::sync::Cache;
use onhand_harness::{Cheap, catalogue_sku};

/// Serve another server's answers to /v1/availability/S000000, S000001 and so on from moka.
#[derive(Parser)]
struct Args {
    /// Where to listen
    #[arg(long)]
    listen: SocketAddr,
    /// The server that the bodies are read from at the start, such as http://127.0.0.1:8080
    #[arg(long)]
    from: String,
    /// How many SKUs
    #[arg(long)]
    count: u32,
}

/// As in the edge.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PREFIX: &str = "/v1/availability/";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args = Args::parse();
    let cache: Cache<String, Bytes> = Cache::new(u64::from(args.count) * 2);
    let mut from = Cheap::connect(&args.from, "").await;
    for number in 0..args.count {
        let name = catalogue_sku(number.into());
        let (status, body) = from.call("GET", &format!("{PREFIX}{name}"), "", "").await;
        assert!(status == 200, "{name}: {status}");
        cache.insert(name, Bytes::copy_from_slice(body));
    }
    let listener = tokio::net::TcpListener::bind(args.listen).await.expect("a free address");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _without_nagle = stream.set_nodelay(true);
        let cache = cache.clone();
        let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&cache, &request))));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn answer(cache: &Cache<String, Bytes>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let body = request.uri().path().strip_prefix(PREFIX).and_then(|sku| cache.get(sku));
    let Some(body) = body else {
        let mut missing = Response::new(Full::default());
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return missing;
    };
    let mut found = Response::new(Full::new(body));
    found.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    found
}
