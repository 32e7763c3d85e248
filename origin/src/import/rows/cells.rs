//! A line's cells to what they say, as its layout tells.

use std::collections::BTreeMap;

use onhand_wire::Problem;
use serde::Deserialize;

use super::super::{
    formats::{Field, Format, Locale},
    header::Layout,
    notes::Notes,
    numbers::number,
};

/// A row, not yet checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) sku: String,
    #[serde(default, alias = "warehouseId")]
    pub(super) location: Option<String>,
    pub(super) quantity: i64,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) brand: Option<String>,
    #[serde(default)]
    pub(super) price: Option<i64>,
    #[serde(default)]
    pub(super) currency: Option<String>,
    #[serde(default)]
    pub(super) safety_stock: Option<i64>,
    #[serde(default)]
    pub(super) backorder_limit: Option<i64>,
    #[serde(default)]
    pub(super) low_stock_at: Option<i64>,
    #[serde(default)]
    pub(super) restock_at: Option<String>,
    #[serde(default)]
    pub(super) active: Option<bool>,
    #[serde(default)]
    pub(super) attributes: Option<BTreeMap<String, String>>,
    /// An export says these, too; an import leaves them.
    #[serde(default, rename = "reserved")]
    _reserved: Option<i64>,
    #[serde(default, rename = "available")]
    _available: Option<i64>,
    /// Said otherwise than by a number: nothing is kept there, or the row is not one of stock.
    #[serde(skip)]
    pub(super) left_out: bool,
    /// The location is one already.
    #[serde(skip)]
    pub(super) at: Option<onhand_wire::LocationId>,
    /// Of a format that is not ours.
    #[serde(skip)]
    pub(super) foreign: bool,
}

/// What an item's first row said, for those after it.
#[derive(Debug, Default)]
pub(super) struct Carried {
    item: String,
    values: Vec<(usize, String)>,
}

/// A cell without what only keeps a spreadsheet's hands off: `="0123"`, and a platform's apostrophe.
fn plain<'a>(cell: &'a str, format: &Format) -> &'a str {
    if let Some(formula) = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')) {
        return formula;
    }
    let escaped = format.escape.and_then(|escape| cell.strip_prefix(escape));
    escaped.filter(|rest| rest.starts_with(['=', '+', '-', '@'])).unwrap_or(cell)
}

/// A line's rows; none of a line of commas.
pub(super) fn raws(
    line: u64,
    fields: &[&str],
    layout: &Layout,
    carried: &mut Carried,
    locale: Option<&Locale>,
    notes: &mut Notes,
) -> Vec<Result<Raw, Problem>> {
    if fields.iter().all(|cell| cell.trim().is_empty()) {
        notes.add("blank_rows", line, || "rows of nothing but separators were left out".to_owned());
        return Vec::new();
    }
    if let Some(beyond) = fields.get(layout.width..).filter(|beyond| !beyond.is_empty()) {
        if beyond.iter().any(|cell| !cell.trim().is_empty()) {
            return vec![Err(width(fields.len(), layout))];
        }
        notes.add("blank_columns", line, || "empty columns at the end were left out".to_owned());
    }
    if fields.len() < layout.width {
        return vec![Err(width(fields.len(), layout))];
    }
    let row = Row { line, cells: fields, layout, locale };
    row.carry(carried);
    if !layout.format.wide {
        return vec![row.raw(carried, notes, None)];
    }
    layout.wide.iter().map(|(column, location)| row.raw(carried, notes, Some((*column, location)))).collect()
}

fn width(columns: usize, layout: &Layout) -> Problem {
    Problem::field("row", format!("{columns} columns where the header has {}", layout.width))
}

struct Row<'a> {
    line: u64,
    cells: &'a [&'a str],
    layout: &'a Layout,
    locale: Option<&'a Locale>,
}

impl<'a> Row<'a> {
    fn format(&self) -> &'a Format {
        &self.layout.format
    }

    fn cell(&self, column: usize) -> &'a str {
        plain(self.cells[column], self.format())
    }

    /// The first of a field's columns that says something.
    fn text(&self, field: Field) -> &'a str {
        let columns = self.layout.columns(field);
        // Ours writes texts as they are.
        let written = matches!(field, Field::Name | Field::Brand | Field::Attributes);
        if let ([column], true) = (columns, written && self.format().is_own()) {
            return self.cells[*column];
        }
        let said = columns.iter().map(|column| self.cell(*column)).find(|cell| !cell.trim().is_empty());
        said.or_else(|| columns.first().map(|column| self.cell(*column))).unwrap_or_default()
    }

    fn optional(&self, field: Field) -> Option<&'a str> {
        Some(self.text(field)).filter(|text| !text.is_empty())
    }

    fn number(&self, field: Field) -> Result<Option<i64>, Problem> {
        let text = self.optional(field).filter(|text| !text.trim().is_empty());
        text.map(|text| number(field.as_str(), text, self.locale)).transpose()
    }

    /// Keeps what an item's first row says.
    fn carry(&self, carried: &mut Carried) {
        let Some((by, columns)) = &self.layout.carried else { return };
        let item = self.cell(*by);
        if carried.item != item || item.is_empty() {
            *carried = Carried { item: item.to_owned(), values: Vec::new() };
        }
        for column in columns {
            let value = self.cell(*column);
            if !value.is_empty() && !carried.values.iter().any(|(held, _)| held == column) {
                carried.values.push((*column, value.to_owned()));
            }
        }
    }

    /// The row's own, else what its item's first row said.
    fn carried(&self, field: Field, carried: &Carried) -> Option<String> {
        let own = self.optional(field).map(str::to_owned);
        own.or_else(|| {
            let columns = self.layout.columns(field);
            let held = carried.values.iter().find(|(column, _)| columns.contains(column));
            held.map(|(_, value)| value.clone())
        })
    }

    fn name(&self, carried: &Carried) -> Option<String> {
        let mut name = self.carried(Field::Name, carried)?;
        let format = self.format();
        for part in &self.layout.name_parts {
            let part = self.cell(*part).trim();
            if !part.is_empty() && !format.no_part.iter().any(|none| none == part) {
                name += ", ";
                name += part;
            }
        }
        Some(name)
    }

    /// `at`: the column of a location, in a wide file.
    fn raw(
        &self,
        carried: &Carried,
        notes: &mut Notes,
        at: Option<(usize, &onhand_wire::LocationId)>,
    ) -> Result<Raw, Problem> {
        let format = self.format();
        let sku = self.text(Field::Sku);
        if sku.trim().is_empty() && format.no_sku {
            notes.add("no_sku", self.line, || "rows without a SKU were left out".to_owned());
            return Ok(Raw { left_out: true, ..Raw::default() });
        }
        let quantity = at.map_or_else(|| self.text(Field::Quantity), |(column, _)| self.cell(column));
        if format.left_out(quantity) {
            let said = if quantity.trim().is_empty() { "have no quantity" } else { "say that nothing is kept there" };
            notes.add("left_out", self.line, || format!("rows that {said} were left out"));
            return Ok(Raw { left_out: true, ..Raw::default() });
        }
        let mut quantity = number("quantity", quantity, self.locale)?;
        if let (Some(none_if), Some(column)) = (&format.none_if, self.layout.none_if)
            && none_if.is.iter().any(|none| none == self.cell(column).trim())
            && quantity != 0
        {
            notes.add("not_for_sale", self.line, || {
                format!(
                    "rows whose {} is {} were counted as 0: they are not for sale there",
                    none_if.column,
                    self.cell(column)
                )
            });
            quantity = 0;
        }
        Ok(Raw {
            sku: sku.to_owned(),
            location: self.optional(Field::Location).map(str::to_owned),
            quantity,
            name: self.name(carried),
            brand: self.carried(Field::Brand, carried),
            price: self.number(Field::Price)?,
            currency: self.optional(Field::Currency).map(str::to_owned),
            safety_stock: self.number(Field::SafetyStock)?,
            backorder_limit: self.number(Field::BackorderLimit)?,
            low_stock_at: self.number(Field::LowStockAt)?,
            restock_at: self.optional(Field::RestockAt).map(str::to_owned),
            active: self.optional(Field::Active).map(active).transpose()?,
            attributes: self.optional(Field::Attributes).map(attributes).transpose()?,
            at: at.map(|(_, location)| location.clone()),
            foreign: !format.is_own() && !format.mapped,
            ..Raw::default()
        })
    }
}

/// As spreadsheets write it, too.
fn active(text: &str) -> Result<bool, Problem> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(Problem::field("active", "true or false")),
    }
}

fn attributes(text: &str) -> Result<BTreeMap<String, String>, Problem> {
    serde_json::from_str(text).map_err(|_| Problem::field("attributes", "a JSON object of names and texts"))
}
