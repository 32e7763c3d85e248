//! Connections beyond a limit: each is answered 503 or 429 and closed, without being read.

use std::{sync::Arc, time::Duration};

use onhand_wire::{Code, Problem};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

/// Connections being told at once; beyond, they are cut without a word.
pub(super) const TOLD: usize = 256;
/// How long one that was told may take to leave.
const LEAVE: Duration = Duration::from_secs(1);

pub(super) fn full() -> Problem {
    Problem::new(Code::Overloaded, "too many connections; keep one and use it again")
}

pub(super) fn beyond_share(most: usize) -> Problem {
    let detail = format!("one address may have {most} connections open here; keep one and use it again");
    Problem::new(Code::RateLimited, detail).with("limit", most)
}

/// Answers, then waits for the caller to close: to close first, with a request unread, would take
/// the answer back.
pub(super) async fn turn_away(mut stream: TcpStream, telling: Arc<Semaphore>, problem: Problem) {
    let Ok(_telling) = telling.try_acquire() else { return };
    let told = async {
        stream.write_all(&problem.to_answer()).await?;
        stream.shutdown().await?;
        let mut dropped = [0; 1024];
        while stream.read(&mut dropped).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _left_or_not = tokio::time::timeout(LEAVE, told).await;
}
