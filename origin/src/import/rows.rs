//! Rows of a file, one at a time.

use std::io::{BufRead, BufReader, Read};

use onhand_wire::{LocationId, Money, Problem, Quantity, Sku, limits, request::Policy};
use serde::Deserialize;

use super::{ImportRow, Options, RowError, check_quantity};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Ndjson,
}

const REQUIRED: [&str; 3] = ["sku", "location", "quantity"];
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

#[derive(Debug, Deserialize)]
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

/// Reads rows; each is valid or says why not.
pub(super) enum Rows<R: Read> {
    Csv(Box<csv::Reader<R>>),
    Ndjson(BufReader<R>, u64),
}

impl<R: Read> Rows<R> {
    /// Fails when the header lacks a column or names one that is not known.
    pub(super) fn new(format: Format, file: R) -> Result<Self, Problem> {
        if format == Format::Ndjson {
            return Ok(Self::Ndjson(BufReader::new(file), 0));
        }
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::None).from_reader(file);
        let header = reader.headers().map_err(|error| Problem::field("header", error))?.clone();
        let named =
            |column: &str| header.iter().any(|name| name == column || (column == "location" && name == "warehouseId"));
        if let Some(missing) = REQUIRED.into_iter().find(|column| !named(column)) {
            return Err(Problem::field(
                "header",
                format!("the column {missing} is missing; the first line names the columns"),
            ));
        }
        if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name) && *name != "warehouseId") {
            return Err(Problem::field(
                "header",
                format!("no column is called {unknown:?}; there are {}", COLUMNS.join(", ")),
            ));
        }
        Ok(Self::Csv(Box::new(reader)))
    }

    pub(super) fn next(&mut self, options: Options) -> Option<Result<ImportRow, RowError>> {
        let (row, raw) = match self {
            Self::Csv(reader) => next_csv(reader)?,
            Self::Ndjson(reader, line) => next_ndjson(reader, line)?,
        };
        let checked = raw.and_then(|raw| check(raw, row, options));
        Some(checked.map_err(|problem| RowError { row, problem }))
    }
}

fn next_csv<R: Read>(reader: &mut csv::Reader<R>) -> Option<(u64, Result<Raw, Problem>)> {
    let mut record = csv::StringRecord::new();
    let header = reader.headers().ok()?.clone();
    let line = reader.position().line();
    match reader.read_record(&mut record) {
        Ok(false) => None,
        Ok(true) => {
            let row = record.position().map_or(line, csv::Position::line);
            Some((row, record.deserialize(Some(&header)).map_err(|error| csv_problem(&error, &header))))
        }
        Err(error) => {
            let row = error.position().map_or(line, csv::Position::line);
            Some((row, Err(csv_problem(&error, &header))))
        }
    }
}

/// Names the column at fault.
fn csv_problem(error: &csv::Error, header: &csv::StringRecord) -> Problem {
    match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|index| header.get(index as usize)).unwrap_or("row");
            Problem::field(column, err.kind())
        }
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Problem::field("row", format!("{len} columns where the header has {expected_len}"))
        }
        _ => Problem::field("row", "not CSV in UTF-8"),
    }
}

fn next_ndjson<R: Read>(reader: &mut BufReader<R>, line: &mut u64) -> Option<(u64, Result<Raw, Problem>)> {
    let mut text = Vec::new();
    loop {
        text.clear();
        if reader.read_until(b'\n', &mut text).ok()? == 0 {
            return None;
        }
        *line += 1;
        if !text.trim_ascii().is_empty() {
            return Some((*line, onhand_wire::request::parse(text.trim_ascii())));
        }
    }
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
