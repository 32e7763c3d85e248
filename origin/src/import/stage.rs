//! A file on its way in: kept on disk, unpacked, in UTF-8, checked row by row.

use std::{
    fs::File,
    io::{BufWriter, Read, Seek, Write},
    sync::Arc,
};

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use futures_util::{Stream, StreamExt};
use onhand_http::setting::Size;
use onhand_wire::{Code, Problem, limits};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;

use super::{
    Kind, OnError, Options, Reading, RowError,
    charset::{self, ToUtf8, Utf8},
    known::Known,
    lines::Lines,
    notes::Notes,
    rows::Rows,
    unpack::Packing,
};
use crate::{command::ImportRow, key::Digest, store::Store};

/// A file whose rows have been checked.
pub struct Staged {
    rows: Rows<File>,
    /// Read beyond the end of a chunk.
    ahead: Option<ImportRow>,
    pub read: u64,
    pub rejected: u64,
    /// Rows that say nothing of stock here.
    pub left_out: u64,
    /// The first of them.
    pub errors: Vec<RowError>,
    /// What was taken as something else than it was written.
    pub(super) notes: Notes,
    /// Places that the file names and that are not there.
    pub unknown: Vec<String>,
    /// Of the whole file, and what is there already.
    pub content: Digest,
    pub(super) known: Known,
}

pub(super) fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "an import could not be staged on disk");
    Problem::new(Code::Internal, "the file could not be staged; nothing was applied")
}

/// As it came.
pub struct Received {
    file: File,
    packing: Packing,
    content: Digest,
    is_utf8: bool,
    /// Its first bytes.
    head: Vec<u8>,
}

/// Unpacked, and in UTF-8 as far as it is text.
pub struct Prepared {
    file: File,
    /// Of what it unpacked to.
    content: Digest,
    notes: Notes,
}

/// Writes the stream, of at most so many bytes, to a temporary file, gone with its handle. `declared`: the length that
/// the caller named, 0 if it named none.
pub async fn receive(
    mut body: impl Stream<Item = Result<Bytes, Problem>> + Unpin,
    declared: u64,
    packing: Packing,
    plain: bool,
    most: Size,
) -> Result<Received, Problem> {
    if declared > most.0 {
        drop_the_rest(body).await;
        return Err(too_large(most));
    }
    let mut file = tempfile::tempfile().map_err(failed)?;
    let (mut lines, mut left, mut content, mut utf8) = (Lines::default(), most.0, Sha256::new(), Utf8::default());
    let mut head = Vec::new();
    while let Some(part) = body.next().await {
        let part = part?;
        let Some(rest) = left.checked_sub(part.len() as u64) else {
            drop_the_rest(body).await;
            return Err(too_large(most));
        };
        left = rest;
        head.extend(part.iter().take(HEAD - head.len()));
        if packing == Packing::None {
            utf8.pass(&part);
            // In other letters a line has another length.
            if plain && Encoding::for_bom(&head).is_none_or(|(encoding, _)| encoding == UTF_8) && !head.contains(&0) {
                lines.pass(&part);
            }
        }
        if lines.longest > limits::IMPORT_ROW_BYTES {
            drop_the_rest(body).await;
            return Err(long_row());
        }
        content.update(&part);
        file.write_all(&part).map_err(failed)?;
    }
    let (content, is_utf8) = (content.finalize().into(), utf8.is_whole());
    Ok(Received { file, packing, content, is_utf8, head })
}

/// As many bytes tell in which letters a file is.
const HEAD: usize = 4;

fn too_large(most: Size) -> Problem {
    let detail =
        format!("body: an import has at most {most} (origin.imports.max_bytes), unpacked; nothing was applied");
    Problem::new(Code::TooLarge, detail).with("limit", most.0)
}

fn long_row() -> Problem {
    let detail = format!("row: at most {} bytes; nothing was applied", limits::IMPORT_ROW_BYTES);
    Problem::new(Code::TooLarge, detail).with("limit", limits::IMPORT_ROW_BYTES)
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

impl Received {
    /// Unpacks it and brings it into UTF-8; a file that is both already stays as it is. Blocks.
    pub fn prepare(self, kind: Kind, said: Option<&'static Encoding>, most: Size) -> Result<Prepared, Problem> {
        let text = kind == Kind::Csv;
        let mut notes = Notes::default();
        if self.packing == Packing::None {
            let encoding = charset::settle(&self.head, said, self.is_utf8, text, &mut notes);
            if encoding == UTF_8 {
                return Ok(Prepared { file: self.file, content: self.content, notes });
            }
            let content = self.content;
            let (file, _) = rewrite(self.file, Packing::None, encoding, most)?;
            return Ok(Prepared { file, content, notes });
        }
        let (mut file, unpacked) = rewrite(self.file, self.packing, UTF_8, most)?;
        let encoding = charset::settle(&unpacked.head, said, unpacked.is_utf8, text, &mut notes);
        if encoding != UTF_8 {
            (file, _) = rewrite(file, Packing::None, encoding, most)?;
        } else if unpacked.longest > limits::IMPORT_ROW_BYTES {
            return Err(long_row());
        }
        Ok(Prepared { file, content: unpacked.content, notes })
    }
}

/// What went through.
struct Passed {
    content: Digest,
    is_utf8: bool,
    head: Vec<u8>,
    longest: usize,
}

/// Copies a file to another, unpacked or in other letters.
fn rewrite(
    mut from: File,
    packing: Packing,
    encoding: &'static Encoding,
    most: Size,
) -> Result<(File, Passed), Problem> {
    from.rewind().map_err(failed)?;
    let mut source = packing.reader(from);
    let mut to = BufWriter::with_capacity(1 << 16, tempfile::tempfile().map_err(failed)?);
    let (mut buffer, mut left) = (vec![0; 1 << 16], most.0);
    let mut decoder = (encoding != UTF_8).then(|| ToUtf8::new(encoding));
    let (mut lines, mut content, mut utf8, mut head) = (Lines::default(), Sha256::new(), Utf8::default(), Vec::new());
    loop {
        let read = source.read(&mut buffer).map_err(|error| broken(packing, &error))?;
        let part = &buffer[..read];
        left = left.checked_sub(read as u64).ok_or_else(|| too_large(most))?;
        head.extend(part.iter().take(HEAD - head.len()));
        let (written, is_text) = match &mut decoder {
            Some(decoder) => (decoder.decode(part, read == 0).as_bytes(), true),
            None => (part, false),
        };
        lines.pass(written);
        if is_text && lines.longest > limits::IMPORT_ROW_BYTES {
            return Err(long_row());
        }
        utf8.pass(written);
        content.update(written);
        to.write_all(written).map_err(failed)?;
        if read == 0 {
            let file = to.into_inner().map_err(|error| failed(error.error()))?;
            let (content, is_utf8) = (content.finalize().into(), utf8.is_whole());
            return Ok((file, Passed { content, is_utf8, head, longest: lines.longest }));
        }
    }
}

/// The caller's file cannot be unpacked; anything else is ours.
fn broken(packing: Packing, error: &std::io::Error) -> Problem {
    match packing {
        Packing::None => failed(error),
        Packing::Gzip => Problem::field("body", format!("not gzip, or broken off: {error}; nothing was applied")),
        Packing::Zstd => Problem::field("body", format!("not zstd, or broken off: {error}; nothing was applied")),
    }
}

impl Prepared {
    /// Checks every row. What a row names must exist only if one bad row aborts all: else it is
    /// told when it is applied.
    pub async fn check(self, reading: Reading, options: Options, store: &Arc<dyn Store>) -> Result<Staged, Problem> {
        let Self { file, content, notes } = self;
        let known = Known::read(store, options.create).await?;
        let rows = open(&file, reading.clone())?;
        let (errors, unknown) = (Vec::new(), Vec::new());
        let mut staged =
            Staged { rows, ahead: None, read: 0, rejected: 0, left_out: 0, errors, notes, unknown, content, known };
        let (mut valid, mut errors) = tokio::task::block_in_place(|| staged.gather(options))?;
        while !valid.is_empty() || !errors.is_empty() {
            staged.read += (valid.len() + errors.len()) as u64;
            let known = staged.known.clone();
            let next = staged.meanwhile(move |staged| staged.gather(options));
            if options.on_error == OnError::Abort {
                errors.extend(known.check(&valid).await?);
                errors.sort_by_key(|error| error.row);
            }
            let (back, chunk) = next.await.map_err(failed)?;
            staged = back;
            errors.into_iter().for_each(|error| staged.reject(error));
            (valid, errors) = chunk?;
        }
        let again = open(&file, reading)?;
        let read = std::mem::replace(&mut staged.rows, again);
        staged.left_out = read.left_out;
        staged.read += read.left_out;
        staged.unknown = read.unknown.into_iter().collect();
        staged.notes.extend(read.notes);
        Ok(staged)
    }
}

impl Staged {
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

fn open(file: &File, reading: Reading) -> Result<Rows<File>, Problem> {
    let mut again = file.try_clone().map_err(failed)?;
    again.rewind().map_err(failed)?;
    Rows::new(reading, again)
}
