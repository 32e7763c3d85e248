//! CSV records, each with the line on which it begins.
//!
//! Lines are counted from the bytes: a quoted field may span several, and blank lines must not shift what the caller is
//! told. No record outgrows the buffer, so that a
//! quote left open does not gather the rest of the file.

use std::io::{BufRead, BufReader, Read};

use csv_core::ReadRecordResult;
use onhand_wire::{Code, Problem, limits};

use super::lines::Lines;

pub(super) struct Records<R> {
    input: BufReader<R>,
    parser: csv_core::Reader,
    lines: Lines,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    columns: usize,
}

impl<R: Read> Records<R> {
    /// `lines`: how many of the file have been read already.
    pub(super) fn new(input: BufReader<R>, separator: u8, lines: u64) -> Self {
        let (bytes, ends) = (vec![0; limits::IMPORT_ROW_BYTES], vec![0; 32]);
        let parser = csv_core::ReaderBuilder::new().delimiter(separator).build();
        Self { input, parser, lines: Lines::after(lines), bytes, ends, columns: 0 }
    }

    /// Whether the record last read has nothing in it.
    pub(super) fn is_blank(&self) -> bool {
        self.fields().is_some_and(|fields| fields.iter().all(|field| field.trim().is_empty()))
    }

    /// Reads the next record; its line, or none at the end. An error concerns the whole file.
    pub(super) fn read(&mut self) -> Result<Option<u64>, Problem> {
        self.skip_line_ends()?;
        let (line, mut written, mut ended) = (self.lines.ended + 1, 0, 0);
        loop {
            let input = self.input.fill_buf().map_err(super::stage::failed)?;
            let (result, read, wrote, ends) =
                self.parser.read_record(input, &mut self.bytes[written..], &mut self.ends[ended..]);
            self.lines.pass(&input[..read]);
            self.input.consume(read);
            (written, ended) = (written + wrote, ended + ends);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => return Err(too_long(line)),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    self.columns = ended;
                    return Ok(Some(line));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn skip_line_ends(&mut self) -> Result<(), Problem> {
        loop {
            match self.input.fill_buf().map_err(super::stage::failed)?.first() {
                Some(end @ (b'\n' | b'\r')) => self.lines.pass(&[*end]),
                _ => return Ok(()),
            }
            self.input.consume(1);
        }
    }

    /// The fields of the record last read, if it is UTF-8.
    pub(super) fn fields(&self) -> Option<Vec<&str>> {
        let ends = &self.ends[..self.columns];
        let text = std::str::from_utf8(&self.bytes[..ends.last().copied().unwrap_or_default()]).ok()?;
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).map(|(start, end)| text.get(start..*end)).collect()
    }
}

fn too_long(line: u64) -> Problem {
    let most = limits::IMPORT_ROW_BYTES;
    let detail =
        format!("row: the one at line {line} has more than {most} bytes, or leaves a quote open; nothing was applied");
    Problem::new(Code::TooLarge, detail).with("limit", most)
}
