//! Closing a connection whose caller is still sending.
//!
//! A socket that is closed with unread bytes is reset, and the reset destroys an answer that the caller has not read
//! yet. So the node stops sending, reads on for a while, and closes after the caller has closed.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How long a caller may take to read its answer and close.
const LEAVE: Duration = Duration::from_secs(2);

/// Closes the sending side, then reads and drops what comes until the caller closes or its time is up.
pub(crate) async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let gone = async {
        stream.shutdown().await?;
        let mut dropped = vec![0; 16 << 10]; // on the heap: the future is part of every connection
        while stream.read(&mut dropped).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _gone_or_not = timeout(LEAVE, gone).await;
}
