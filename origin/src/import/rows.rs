//! Rows of a file, one at a time.

mod cells;
mod check;

use std::{
    collections::{BTreeSet, VecDeque},
    io::{BufRead, BufReader, Read},
    sync::Arc,
};

use onhand_wire::{Problem, limits};

use self::cells::{Carried, Raw};
use super::{
    Options, RowError,
    formats::Locale,
    header::{Layout, Said, sep_line, separator},
    notes::Notes,
    places::Places,
    records::Records,
    stage::failed,
};
use crate::command::ImportRow;

/// In what a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Csv,
    Ndjson,
}

/// How a file is to be read.
#[derive(Debug, Clone)]
pub struct Reading {
    pub kind: Kind,
    pub said: Said,
    pub(super) locale: Option<&'static Locale>,
    pub(super) places: Arc<Places>,
}

/// Reads rows; each is valid or says why not.
pub(super) struct Rows<R: Read> {
    source: Source<R>,
    reading: Reading,
    /// Of the line last read: a wide file's has several rows.
    waiting: VecDeque<(u64, Result<Raw, Problem>)>,
    pub(super) notes: Notes,
    /// Rows that say nothing of stock here.
    pub(super) left_out: u64,
    /// Places that rows name and that are not there.
    pub(super) unknown: BTreeSet<String>,
}

enum Source<R: Read> {
    Csv(Box<Records<R>>, Box<Layout>, Carried),
    /// With the line last read.
    Ndjson(BufReader<R>, u64, Vec<u8>),
}

impl<R: Read> Rows<R> {
    /// Fails when the header lacks a column, or names one that is not known or was named before.
    pub(super) fn new(reading: Reading, file: R) -> Result<Self, Problem> {
        let mut file = BufReader::with_capacity(1 << 16, file);
        if file.fill_buf().map_err(failed)?.starts_with(b"\xEF\xBB\xBF") {
            file.consume(3);
        }
        let mut notes = Notes::default();
        let source = match reading.kind {
            Kind::Ndjson => Source::Ndjson(file, 0, Vec::new()),
            Kind::Csv => csv(file, &reading, &mut notes)?,
        };
        Ok(Self { source, reading, waiting: VecDeque::new(), notes, left_out: 0, unknown: BTreeSet::new() })
    }

    /// The next row, if there is one. An outer error concerns the whole file.
    pub(super) fn next(&mut self, options: Options) -> Result<Option<Result<ImportRow, RowError>>, Problem> {
        loop {
            while let Some((row, raw)) = self.waiting.pop_front() {
                match raw.and_then(|raw| self.check(raw, row, options)) {
                    Ok(Some(found)) => return Ok(Some(Ok(found))),
                    Ok(None) => self.left_out += 1,
                    Err(problem) => return Ok(Some(Err(RowError { row, problem }))),
                }
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Reads a line's rows; false at the end of the file.
    fn read(&mut self) -> Result<bool, Problem> {
        match &mut self.source {
            Source::Csv(records, layout, carried) => {
                let Some(line) = records.read()? else { return Ok(false) };
                let Some(fields) = records.fields() else {
                    self.waiting.push_back((line, Err(Problem::field("row", "not UTF-8"))));
                    return Ok(true);
                };
                let raws = cells::raws(line, &fields, layout, carried, self.reading.locale, &mut self.notes);
                self.waiting.extend(raws.into_iter().map(|raw| (line, raw)));
            }
            Source::Ndjson(reader, line, text) => {
                let Some(text) = next_line(reader, line, text)? else { return Ok(false) };
                self.waiting.push_back((*line, onhand_wire::request::parse(text)));
            }
        }
        Ok(true)
    }
}

fn csv<R: Read>(mut file: BufReader<R>, reading: &Reading, notes: &mut Notes) -> Result<Source<R>, Problem> {
    let head = file.fill_buf().map_err(failed)?;
    let (mut lines, mut by) = (0, separator(head));
    if let Some((said, bytes)) = sep_line(head) {
        file.consume(bytes);
        (lines, by) = (1, said);
    }
    if by != b',' {
        let named = if by == b'\t' { "a tab".to_owned() } else { format!("{:?}", char::from(by)) };
        notes.tell("separator", format!("columns are separated by {named}"));
    }
    let mut records = Records::new(file, by, lines);
    // Rows of commas may come before the names.
    while records.read()?.is_some() && records.is_blank() {}
    let header = records.fields().ok_or_else(|| Problem::field("header", "not UTF-8"))?;
    let layout = Layout::of(&header, &reading.said, &reading.places, notes)?;
    Ok(Source::Csv(Box::new(records), Box::new(layout), Carried::default()))
}

/// The next line that is not blank.
fn next_line<'a, R: Read>(
    reader: &mut BufReader<R>,
    line: &mut u64,
    text: &'a mut Vec<u8>,
) -> Result<Option<&'a [u8]>, Problem> {
    loop {
        text.clear();
        if !read_line(reader, text)? {
            return Ok(None);
        }
        *line += 1;
        if !text.trim_ascii().is_empty() {
            return Ok(Some(text.trim_ascii()));
        }
    }
}

/// A line without its end, after what `text` holds; false at the end of the file.
fn read_line<R: Read>(reader: &mut BufReader<R>, text: &mut Vec<u8>) -> Result<bool, Problem> {
    let mut any = false;
    loop {
        let bytes = reader.fill_buf().map_err(failed)?;
        let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) else {
            any |= !bytes.is_empty();
            text.extend_from_slice(bytes);
            let read = bytes.len();
            reader.consume(read);
            if read == 0 {
                return Ok(any);
            }
            continue;
        };
        let carriage = bytes[end] == b'\r';
        text.extend_from_slice(&bytes[..end]);
        reader.consume(end + 1);
        if carriage && reader.fill_buf().map_err(failed)?.first() == Some(&b'\n') {
            reader.consume(1);
        }
        return Ok(true);
    }
}

/// Places that are listed in the report.
const UNKNOWN_LISTED: usize = limits::IMPORT_ERRORS;

#[cfg(test)]
mod tests;
