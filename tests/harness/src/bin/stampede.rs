//! Callers that all call at once, in a process of their own: `stampede HOST:PORT CALLERS SKU…`.
//!
//! Each caller connects first; when all are connected, all send at the same moment, each for the next of the SKUs in
//! turn. Prints `{"answers":N,"failed":N,"first_ms":…,"last_ms":…}`.

#![allow(clippy::print_stdout)] // its result

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Barrier, Semaphore},
    task::JoinSet,
};

/// Connections that are being made at once: more would only be refused by a full accept queue.
const CONNECTING: usize = 100;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(callers)) = (args.next(), args.next().and_then(|callers| callers.parse().ok())) else {
        eprintln!("usage: stampede HOST:PORT CALLERS SKU…");
        return ExitCode::FAILURE;
    };
    raise_descriptors();
    let skus: Vec<String> = args.collect();
    if skus.is_empty() {
        return one_sku_each(&address, callers).await;
    }
    stampede(&address, callers, skus).await
}

/// Without SKUs, each caller has its own: `s-0`, `s-1`, …
async fn one_sku_each(address: &str, callers: usize) -> ExitCode {
    stampede(address, callers, (0..callers).map(|number| format!("s-{number}")).collect()).await
}

/// Raises the limit of descriptors to what the system allows this process.
fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        eprintln!("stampede: the limit of descriptors stays: {error}");
    }
}

async fn stampede(address: &str, callers: usize, skus: Vec<String>) -> ExitCode {
    let (ready, connecting) = (Arc::new(Barrier::new(callers + 1)), Arc::new(Semaphore::new(CONNECTING)));
    let mut all = JoinSet::new();
    for number in 0..callers {
        let (ready, connecting, address) = (ready.clone(), connecting.clone(), address.to_owned());
        let sku = skus[number % skus.len()].clone();
        all.spawn(async move {
            let permit = connecting.acquire().await;
            let stream = TcpStream::connect(&address).await;
            drop(permit);
            ready.wait().await;
            let mut stream = stream.ok()?;
            tokio::time::timeout(PATIENCE, ask(&mut stream, &address, &sku)).await.ok()?
        });
    }
    ready.wait().await;
    let began = Instant::now();
    let (mut answers, mut failed, mut first, mut last) = (0, 0, None, Duration::ZERO);
    while let Some(answered) = all.join_next().await {
        match answered {
            Ok(Some(200)) => {
                answers += 1;
                last = began.elapsed();
                first.get_or_insert(last);
            }
            _ => failed += 1,
        }
    }
    let (first, last) = (first.unwrap_or_default().as_millis(), last.as_millis());
    println!(r#"{{"answers":{answers},"failed":{failed},"first_ms":{first},"last_ms":{last}}}"#);
    ExitCode::SUCCESS
}

/// The answer's status.
async fn ask(stream: &mut TcpStream, address: &str, sku: &str) -> Option<u16> {
    let call = format!("GET /v1/availability/{sku} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(call.as_bytes()).await.ok()?;
    let mut answer = Vec::with_capacity(1024);
    stream.read_to_end(&mut answer).await.ok()?;
    std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()
}
