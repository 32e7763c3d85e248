//! A file on its way in: kept on disk, checked row by row.

use std::{
    fs::File,
    io::{Seek, Write},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use onhand_http::setting::Size;
use onhand_wire::{Code, Problem, limits};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::{Format, OnError, Options, RowError, known::Known, lines::Lines, rows::Rows};
use crate::{command::ImportRow, key::Digest, store::Store};

/// A file whose rows have been checked.
pub struct Staged {
    rows: Rows<File>,
    /// Read beyond the end of a chunk.
    ahead: Option<ImportRow>,
    pub read: u64,
    pub rejected: u64,
    /// The first of them.
    pub errors: Vec<RowError>,
    /// Of the whole file and how it is to be applied.
    pub content: Digest,
}

pub(super) fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "an import could not be staged on disk");
    Problem::new(Code::Internal, "the file could not be staged; nothing was applied")
}

/// Writes the stream, of at most so many bytes, to a temporary file, gone with its handle; and what its
/// content is. `declared`: the length that the caller named, 0 if it named none.
pub async fn receive(
    mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    declared: u64,
    most: Size,
) -> Result<(File, Digest), Problem> {
    if declared > most.0 {
        drop_the_rest(body).await;
        return Err(too_large(most));
    }
    let mut file = tempfile::tempfile().map_err(failed)?;
    let (mut lines, mut left, mut content) = (Lines::default(), most.0, Sha256::new());
    while let Some(part) = body.next().await {
        let part = part?;
        let Some(rest) = left.checked_sub(part.len() as u64) else {
            drop_the_rest(body).await;
            return Err(too_large(most));
        };
        left = rest;
        lines.pass(&part);
        if lines.longest > limits::IMPORT_ROW_BYTES {
            drop_the_rest(body).await;
            let detail = format!("row: at most {} bytes; nothing was applied", limits::IMPORT_ROW_BYTES);
            return Err(Problem::new(Code::TooLarge, detail).with("limit", limits::IMPORT_ROW_BYTES));
        }
        content.update(&part);
        file.write_all(&part).map_err(failed)?;
    }
    Ok((file, content.finalize().into()))
}

fn too_large(most: Size) -> Problem {
    let detail = format!("body: an import has at most {most} (origin.imports.max_bytes); nothing was applied");
    Problem::new(Code::TooLarge, detail).with("limit", most.0)
}

/// So that the caller sees the answer, as far as that is worth it.
pub async fn drop_the_rest<E>(mut body: impl Stream<Item = Result<Bytes, E>> + Unpin) {
    let mut dropped = 0;
    while let Some(Ok(part)) = body.next().await {
        dropped += part.len();
        if dropped > limits::BODY_DRAIN_BYTES {
            return;
        }
    }
}

impl Staged {
    /// Checks every row. What a row names must exist only if one bad row aborts all: else it is
    /// told when it is applied.
    pub async fn check(
        (file, content): (File, Digest),
        format: Format,
        options: Options,
        store: &Arc<dyn Store>,
    ) -> Result<Self, Problem> {
        let content = content_and_options(&content, options);
        let mut staged =
            Self { rows: open(&file, format)?, ahead: None, read: 0, rejected: 0, errors: Vec::new(), content };
        let known = match options.on_error {
            OnError::Abort => Some(Known::read(store, options.create).await?),
            OnError::Skip => None,
        };
        let (mut valid, mut errors) = tokio::task::block_in_place(|| staged.gather(options))?;
        while !valid.is_empty() || !errors.is_empty() {
            staged.read += (valid.len() + errors.len()) as u64;
            let next = staged.meanwhile(move |staged| staged.gather(options));
            if let Some(known) = &known {
                errors.extend(known.check(&valid).await?);
                errors.sort_by_key(|error| error.row);
            }
            let (back, chunk) = next.await.map_err(failed)?;
            staged = back;
            errors.into_iter().for_each(|error| staged.reject(error));
            (valid, errors) = chunk?;
        }
        staged.rows = open(&file, format)?;
        Ok(staged)
    }

    /// Reads on while the database has the rows before.
    pub(super) fn meanwhile<T: Send + 'static>(
        mut self,
        read: impl FnOnce(&mut Self) -> T + Send + 'static,
    ) -> JoinHandle<(Self, T)> {
        tokio::task::spawn_blocking(move || {
            let rows = read(&mut self);
            (self, rows)
        })
    }

    fn reject(&mut self, error: RowError) {
        self.rejected += 1;
        if self.errors.len() < limits::IMPORT_ERRORS {
            self.errors.push(error);
        }
    }

    /// A chunk of valid rows, and the invalid ones between them; both empty at the end.
    fn gather(&mut self, options: Options) -> Result<(Vec<ImportRow>, Vec<RowError>), Problem> {
        let mut valid = Vec::with_capacity(super::CHUNK);
        let mut errors = Vec::new();
        valid.extend(self.ahead.take());
        while errors.len() < super::CHUNK {
            match self.rows.next(options)? {
                None => break,
                Some(Ok(row)) if ends(&valid, &row) => {
                    self.ahead = Some(row);
                    break;
                }
                Some(Ok(row)) => valid.push(row),
                Some(Err(error)) => errors.push(error),
            }
        }
        Ok((valid, errors))
    }

    /// The next valid rows to apply; none at the end.
    pub fn next_chunk(&mut self, options: Options) -> Result<Vec<ImportRow>, Problem> {
        loop {
            let (valid, errors) = self.gather(options)?;
            if !valid.is_empty() || errors.is_empty() {
                return Ok(valid);
            }
        }
    }
}

/// Neighbours of one SKU stay together as far as that goes: chunks that share none are applied at once.
fn ends(chunk: &[ImportRow], next: &ImportRow) -> bool {
    let another_sku = chunk.last().is_some_and(|last| last.sku != next.sku);
    chunk.len() >= 2 * super::CHUNK || (chunk.len() >= super::CHUNK && another_sku)
}

/// The same file applied otherwise is another import.
fn content_and_options(content: &Digest, options: Options) -> Digest {
    let mut digest = Sha256::new();
    digest.update(content);
    digest.update(format!("{options:?}"));
    digest.finalize().into()
}

fn open(file: &File, format: Format) -> Result<Rows<File>, Problem> {
    let mut again = file.try_clone().map_err(failed)?;
    again.rewind().map_err(failed)?;
    Rows::new(format, again)
}
