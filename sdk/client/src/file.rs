//! A file as a body, sent in pieces, so that its length does not matter.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use reqwest::Body;
use tokio::{fs::File, io::AsyncReadExt};

use crate::Error;

/// Called after each piece of a body with the number of bytes that have been sent.
pub(crate) type Progress = Arc<dyn Fn(u64) + Send + Sync>;

const PIECE: usize = 64 << 10;

pub(crate) async fn body(path: &Path, progress: Progress) -> Result<Body, Error> {
    let file = File::open(path).await.map_err(|source| Error::BodyFile { path: path.to_owned(), source })?;
    let pieces = stream::try_unfold((file, progress, 0), |(mut file, progress, before)| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        let sent = before + read as u64;
        progress(sent);
        Ok::<_, std::io::Error>((read > 0).then(|| (Bytes::from(piece), (file, progress, sent))))
    });
    Ok(Body::wrap_stream(pieces))
}
