//! Rows of a file, one at a time.

use std::io::{BufRead, BufReader, Read};

use onhand_wire::{LocationId, Money, Problem, Quantity, Sku, limits, request::Policy};
use serde::Deserialize;

use super::{Options, RowError, check_quantity, records::Records, stage::failed};
use crate::command::ImportRow;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Ndjson,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    sku: String,
    #[serde(alias = "warehouseId")]
    location: String,
    quantity: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    brand: Option<String>,
    #[serde(default)]
    price: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    safety_stock: Option<i64>,
    #[serde(default)]
    backorder_limit: Option<i64>,
    #[serde(default)]
    low_stock_at: Option<i64>,
}

/// The first three are required.
const COLUMNS: [&str; 10] = [
    "sku",
    "location",
    "quantity",
    "name",
    "brand",
    "price",
    "currency",
    "safety_stock",
    "backorder_limit",
    "low_stock_at",
];

/// Reads rows; each is valid or says why not.
pub(super) enum Rows<R: Read> {
    /// With the column of each field.
    Csv(Box<Records<R>>, Vec<&'static str>),
    /// With the line last read.
    Ndjson(BufReader<R>, u64, Vec<u8>),
}

impl<R: Read> Rows<R> {
    /// Fails when the header lacks a column, or names one that is not known or was named before.
    pub(super) fn new(format: Format, file: R) -> Result<Self, Problem> {
        let mut file = BufReader::with_capacity(1 << 16, file);
        if file.fill_buf().map_err(failed)?.starts_with(b"\xEF\xBB\xBF") {
            file.consume(3);
        }
        if format == Format::Ndjson {
            return Ok(Self::Ndjson(file, 0, Vec::new()));
        }
        let mut records = Records::new(file);
        records.read()?;
        let columns = header(&records.fields().ok_or_else(|| Problem::field("header", "not UTF-8"))?)?;
        Ok(Self::Csv(Box::new(records), columns))
    }

    /// The next row, if there is one. An outer error concerns the whole file.
    pub(super) fn next(&mut self, options: Options) -> Result<Option<Result<ImportRow, RowError>>, Problem> {
        let found = match self {
            Self::Csv(records, columns) => records.read()?.map(|line| (line, csv(records, columns))),
            Self::Ndjson(reader, line, text) => next_line(reader, line, text)?.map(|text| (*line, ndjson(text))),
        };
        let Some((row, raw)) = found else { return Ok(None) };
        let checked = raw.and_then(|raw| check(raw, row, options));
        Ok(Some(checked.map_err(|problem| RowError { row, problem })))
    }
}

/// What each column is.
fn header(names: &[&str]) -> Result<Vec<&'static str>, Problem> {
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        let meant = if *name == "warehouseId" { "location" } else { *name };
        let Some(column) = COLUMNS.into_iter().find(|column| *column == meant) else {
            let right = format!("no column is called {name:?}; there are {}", COLUMNS.join(", "));
            return Err(Problem::field("header", right));
        };
        if columns.contains(&column) {
            return Err(Problem::field("header", format!("the column {column} is there twice")));
        }
        columns.push(column);
    }
    match COLUMNS[..3].iter().find(|column| !columns.contains(column)) {
        Some(missing) => {
            Err(Problem::field("header", format!("the column {missing} is missing; the first line names the columns")))
        }
        None => Ok(columns),
    }
}

fn csv<R: Read>(records: &Records<R>, columns: &[&'static str]) -> Result<Raw, Problem> {
    let fields = records.fields().ok_or_else(|| Problem::field("row", "not UTF-8"))?;
    if fields.len() != columns.len() {
        let right = format!("{} columns where the header has {}", fields.len(), columns.len());
        return Err(Problem::field("row", right));
    }
    let mut raw = Raw::default();
    for (column, field) in columns.iter().zip(fields) {
        let text = || Some(field.to_owned()).filter(|text| !text.is_empty());
        let optional = || if field.is_empty() { Ok(None) } else { whole(column, field).map(Some) };
        match *column {
            "sku" => field.clone_into(&mut raw.sku),
            "location" => field.clone_into(&mut raw.location),
            "quantity" => raw.quantity = whole(column, field)?,
            "name" => raw.name = text(),
            "brand" => raw.brand = text(),
            "price" => raw.price = optional()?,
            "currency" => raw.currency = text(),
            "safety_stock" => raw.safety_stock = optional()?,
            "backorder_limit" => raw.backorder_limit = optional()?,
            _ => raw.low_stock_at = optional()?,
        }
    }
    Ok(raw)
}

fn whole(column: &str, field: &str) -> Result<i64, Problem> {
    onhand_wire::whole(field).ok_or_else(|| Problem::field(column, "a whole number"))
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

fn ndjson(text: &[u8]) -> Result<Raw, Problem> {
    onhand_wire::request::parse(text)
}

fn check(raw: Raw, row: u64, options: Options) -> Result<ImportRow, Problem> {
    check_quantity(raw.quantity, options.mode)?;
    if !options.items && (raw.name.is_some() || raw.brand.is_some() || raw.price.is_some()) {
        let detail = "name, brand, price: items are changed with scope admin only; leave these columns out";
        return Err(Problem::new(onhand_wire::Code::Forbidden, detail));
    }
    let named = |field: &'static str, text: Option<String>| match text.filter(|text| !text.is_empty()) {
        Some(text) => onhand_wire::request::check_text(field, &text).map(|()| Some(text)),
        None => Ok(None),
    };
    let whole = |field: &'static str, value: Option<i64>| match value {
        Some(value) => Quantity::try_from(value).map(Some).map_err(|error| Problem::field(field, error)),
        None => Ok(None),
    };
    let policy = Policy {
        safety_stock: whole("safety_stock", raw.safety_stock)?,
        backorder_limit: whole("backorder_limit", raw.backorder_limit)?,
        low_stock_at: whole("low_stock_at", raw.low_stock_at)?,
        ..Policy::default()
    };
    Ok(ImportRow {
        row,
        sku: Sku::new(&raw.sku).map_err(|error| Problem::field("sku", error))?,
        location: LocationId::new(&raw.location).map_err(|error| Problem::field("location", error))?,
        quantity: raw.quantity,
        name: named("name", raw.name)?,
        brand: named("brand", raw.brand)?,
        price: price(raw.price, raw.currency)?,
        policy,
        mode: options.mode,
        create: options.create,
    })
}

fn price(amount: Option<i64>, currency: Option<String>) -> Result<Option<Money>, Problem> {
    let Some(amount) = amount else { return Ok(None) };
    let Some(currency) = currency.filter(|code| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase())) else {
        return Err(Problem::field("currency", "three capital letters, like GBP, beside a price"));
    };
    if !(0..=i64::from(limits::QUANTITY) * 1000).contains(&amount) {
        return Err(Problem::field("price", "a whole number of minor units, 0 or more"));
    }
    Ok(Some(Money { amount, currency }))
}

#[cfg(test)]
mod tests;
