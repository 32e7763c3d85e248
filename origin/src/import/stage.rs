//! A file on its way in: kept on disk, checked row by row.

use std::{
    fs::File,
    io::{Seek, Write},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use onhand_wire::{Code, Problem, limits};

use super::{Format, ImportRow, OnError, Options, RowError, check_known, rows::Rows};
use crate::store::Store;

/// A file whose rows have been checked.
pub struct Staged {
    rows: Rows<File>,
    pub read: u64,
    pub rejected: u64,
    /// The first of them.
    pub errors: Vec<RowError>,
}

fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "an import could not be staged on disk");
    Problem::new(Code::Internal, "the file could not be staged; nothing was applied")
}

/// Writes the stream to a temporary file, gone with its handle.
pub async fn receive(mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin) -> Result<File, Problem> {
    let mut file = tempfile::tempfile().map_err(failed)?;
    let mut line = 0;
    while let Some(part) = body.next().await {
        let part = part?;
        for piece in part.split_inclusive(|byte| *byte == b'\n') {
            line += piece.len();
            if line > limits::IMPORT_ROW_BYTES {
                let detail = format!("row: at most {} bytes; nothing was applied", limits::IMPORT_ROW_BYTES);
                return Err(Problem::new(Code::TooLarge, detail).with("limit", limits::IMPORT_ROW_BYTES));
            }
            if piece.ends_with(b"\n") {
                line = 0;
            }
        }
        file.write_all(&part).map_err(failed)?;
    }
    Ok(file)
}

impl Staged {
    /// Checks every row. What a row names must exist only if one bad row aborts all: else it is
    /// told when it is applied.
    pub async fn check(file: File, format: Format, options: Options, store: &Arc<dyn Store>) -> Result<Self, Problem> {
        let mut staged = Self { rows: open(&file, format)?, read: 0, rejected: 0, errors: Vec::new() };
        loop {
            let chunk = staged.gather(options, true);
            if chunk.is_empty() {
                break;
            }
            if options.on_error == OnError::Abort {
                let unknown = check_known(store, &chunk, options.create).await?;
                unknown.into_iter().for_each(|error| staged.reject(error));
            }
        }
        staged.rows = open(&file, format)?;
        Ok(staged)
    }

    fn reject(&mut self, error: RowError) {
        self.rejected += 1;
        if self.errors.len() < limits::IMPORT_ERRORS {
            self.errors.push(error);
        }
    }

    /// Up to a chunk of valid rows; the invalid ones between are counted only while checking.
    fn gather(&mut self, options: Options, checking: bool) -> Vec<ImportRow> {
        let mut chunk = Vec::with_capacity(super::CHUNK);
        while chunk.len() < super::CHUNK {
            let Some(row) = self.rows.next(options) else { break };
            self.read += u64::from(checking);
            match row {
                Ok(row) => chunk.push(row),
                Err(error) if checking => self.reject(error),
                Err(_) => {}
            }
        }
        chunk
    }

    /// The next valid rows to apply; none at the end.
    pub fn next_chunk(&mut self, options: Options) -> Vec<ImportRow> {
        self.gather(options, false)
    }
}

fn open(file: &File, format: Format) -> Result<Rows<File>, Problem> {
    let mut again = file.try_clone().map_err(failed)?;
    again.rewind().map_err(failed)?;
    Rows::new(format, again)
}
