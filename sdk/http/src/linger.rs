//! Closing a connection whose caller is still sending.
//!
//! A socket that is closed with unread bytes in it is reset, and the reset takes back the answer that the caller has
//! not read yet. So the node stops sending, reads on for a while, and closes when the caller has.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

/// How long a caller may take to read its answer and close.
const LEAVE: Duration = Duration::from_secs(2);

/// Says that no more is sent, then reads and drops what comes until the caller closes, or its time is up.
pub(crate) async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let gone = async {
        stream.shutdown().await?;
        let mut dropped = vec![0; 16 << 10]; // not in the future, which is part of every connection's
        while stream.read(&mut dropped).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _gone_or_not = timeout(LEAVE, gone).await;
}
