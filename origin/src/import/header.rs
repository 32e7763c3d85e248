//! The first line of a file: what separates its columns, what they are called, and what each of them means.

use std::collections::BTreeSet;

use onhand_wire::{LocationId, Problem};

use super::{
    formats::{self, Field, Format, same},
    notes::Notes,
    places::Places,
};

/// What the caller says of a file.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// A format by its name.
    pub format: Option<String>,
    /// Columns by their names: field and column.
    pub map: Vec<(String, String)>,
}

/// Where in a row each field stands.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) format: Format,
    /// In the order of [`Field::ALL`]; of several columns the first that is not empty counts.
    columns: Vec<Vec<usize>>,
    /// Of a wide file: a column a location.
    pub(super) wide: Vec<(usize, LocationId)>,
    pub(super) name_parts: Vec<usize>,
    pub(super) none_if: Option<usize>,
    /// The column that tells an item, and those whose values are carried on.
    pub(super) carried: Option<(usize, Vec<usize>)>,
    /// Of the header, without empty ones at its end.
    pub(super) width: usize,
    /// An export of ours, which no spreadsheet need have touched: its SKUs are what they are.
    pub(super) ours: bool,
}

impl Layout {
    pub(super) fn columns(&self, field: Field) -> &[usize] {
        &self.columns[field as usize]
    }

    pub(super) fn has(&self, field: Field) -> bool {
        !self.columns(field).is_empty()
    }

    /// Fails where a column is missing, is there twice, or is not known in a format that knows all of its own.
    pub(super) fn of(header: &[&str], said: &Said, places: &Places, notes: &mut Notes) -> Result<Self, Problem> {
        let names: Vec<String> = header.iter().map(|name| tidy(name)).collect();
        let width = names.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let names = &names[..width];
        let format = format(names, said)?;
        let mut layout = Self {
            columns: Field::ALL.map(|field| find(names, format.columns.get(&field))).into(),
            wide: Vec::new(),
            name_parts: find(names, Some(&format.name_parts)),
            none_if: format.none_if.as_ref().and_then(|none_if| position(names, &none_if.column)),
            carried: carried(names, &format),
            width,
            ours: format.is_own() && position(names, "reserved").is_some(),
            format,
        };
        layout.refuse_twice(names)?;
        layout.rest(names, places, notes)?;
        layout.need(places)?;
        if !layout.format.is_own() {
            layout.tell(notes);
        }
        Ok(layout)
    }

    /// A field that has one column only has it once.
    fn refuse_twice(&self, names: &[String]) -> Result<(), Problem> {
        for (field, columns) in Field::ALL.iter().zip(&self.columns) {
            let mut seen = BTreeSet::new();
            let own = self.format.is_own() && columns.len() > 1;
            if own || columns.iter().any(|column| !seen.insert(names[*column].to_lowercase())) {
                return Err(fault(format!("the column {} is there twice", field.as_str())));
            }
        }
        Ok(())
    }

    /// What no field has: a location, a column that is known, or one that is not.
    fn rest(&mut self, names: &[String], places: &Places, notes: &mut Notes) -> Result<(), Problem> {
        let used: BTreeSet<usize> = self.columns.iter().flatten().chain(&self.name_parts).copied().collect();
        let (mut unused, mut unknown) = (Vec::new(), Vec::new());
        for (index, name) in names.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
            let counts = Some(index) == self.none_if || self.carried.as_ref().is_some_and(|(by, _)| *by == index);
            if self.format.leaves(name) || name.is_empty() || counts {
                if !counts {
                    unused.push(name.as_str());
                }
            } else if self.format.wide {
                match places.find(name) {
                    Some(location) => self.wide.push((index, location)),
                    None => unknown.push(name.as_str()),
                }
            } else if self.format.is_own() {
                let known: Vec<&str> = Field::ALL.iter().map(|field| field.as_str()).collect();
                return Err(fault(format!("no column is called {name:?}; there are {}", known.join(", "))));
            } else {
                unused.push(name.as_str());
            }
        }
        if !unknown.is_empty() {
            let right = format!("{}: no location is called so; {}", unknown.join(", "), places.unknown(unknown[0]));
            return Err(fault(right).with("unknown_locations", unknown));
        }
        if !unused.is_empty() {
            notes.tell("unused_columns", format!("not used: {}", unused.join(", ")));
        }
        Ok(())
    }

    fn need(&self, places: &Places) -> Result<(), Problem> {
        if self.format.wide {
            return if self.wide.is_empty() { Err(fault("no column is a location's".to_owned())) } else { Ok(()) };
        }
        for field in [Field::Sku, Field::Location, Field::Quantity] {
            if self.has(field) || field == Field::Location && (places.is_said() || !self.format.is_own()) {
                continue;
            }
            let help = if field == Field::Location { ", or say location=" } else { "" };
            let right = format!(
                "the column {} is missing; the first line names the columns{help}; for other names say map=, known formats are {}",
                field.as_str(),
                formats::names()
            );
            return Err(fault(right));
        }
        if !self.has(Field::Location) {
            places.fallback()?;
        }
        Ok(())
    }

    fn tell(&self, notes: &mut Notes) {
        let format = &self.format;
        if format.mapped {
            return;
        }
        let tells = format.tells.as_ref().map(|tells| format!("; {tells}")).unwrap_or_default();
        notes.tell("format", format!("read as {} ({}){tells}", format.name, format.docs));
    }
}

fn fault(right: String) -> Problem {
    Problem::field("header", right)
}

/// What is wanted of a column's name: not its blanks, nor the apostrophe that keeps a spreadsheet's hands off.
fn tidy(name: &str) -> String {
    name.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').to_owned()
}

fn position(names: &[String], name: &str) -> Option<usize> {
    names.iter().position(|column| same(column, name))
}

/// Every column of these names, in their order.
fn find(names: &[String], wanted: Option<&Vec<String>>) -> Vec<usize> {
    let of = |name: &String| {
        names.iter().enumerate().filter(|(_, column)| same(column, name)).map(|(index, _)| index).collect()
    };
    wanted.into_iter().flatten().flat_map(|name| -> Vec<usize> { of(name) }).collect()
}

fn carried(names: &[String], format: &Format) -> Option<(usize, Vec<usize>)> {
    let carried = format.carried.as_ref()?;
    Some((position(names, &carried.by)?, find(names, Some(&carried.columns))))
}

/// As the caller says, else as the header tells, else our own.
fn format(names: &[String], said: &Said) -> Result<Format, Problem> {
    if let Some(name) = &said.format {
        let right = || Problem::field("format", format!("one of {}", formats::names()));
        return formats::named(name).cloned().ok_or_else(right);
    }
    if said.map.is_empty() {
        return Ok(formats::of(names).unwrap_or_else(|| formats::own()).clone());
    }
    let mut mapped = Format::mapped();
    for (field, column) in &said.map {
        let known: Vec<&str> = Field::ALL.iter().map(|field| field.as_str()).collect();
        let right = || Problem::field("map", format!("{field} is none of {}", known.join(", ")));
        let field = Field::named(field).ok_or_else(right)?;
        if position(names, column).is_none() {
            return Err(Problem::field(
                "map",
                format!("no column is called {column:?}; there are {}", names.join(", ")),
            ));
        }
        mapped.columns.entry(field).or_default().push(column.clone());
    }
    Ok(mapped)
}

/// The most frequent of what separates columns, outside quotes, in the line that names them.
pub(super) fn separator(head: &[u8]) -> u8 {
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0), (b'|', 0)];
    let mut quoted = false;
    let blank = |byte: &u8| matches!(byte, b'\r' | b'\n' | b',' | b';' | b'\t' | b'|' | b' ');
    let begin = head.iter().position(|byte| !blank(byte)).unwrap_or(0);
    for byte in &head[begin..] {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            byte => counts.iter_mut().filter(|(separator, _)| separator == byte).for_each(|(_, count)| *count += 1),
        }
    }
    // Of equals the first: a comma.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| separator)
}

/// `sep=;`, by which Excel is told: the separator, and the line's bytes with its end.
pub(super) fn sep_line(head: &[u8]) -> Option<(u8, usize)> {
    let rest = head.strip_prefix(b"sep=").or_else(|| head.strip_prefix(b"\"sep="))?;
    let (separator, rest) = rest.split_first()?;
    let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
    let end = [b"\r\n".as_slice(), b"\n", b"\r"].into_iter().find(|end| rest.starts_with(end))?;
    Some((*separator, head.len() - rest.len() + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_told_by_the_header() {
        for (head, separator) in [
            ("sku,location,quantity\nA;B;C;D,1", b','),
            ("sku;location;quantity\nA,1", b';'),
            ("sku\tlocation\tquantity\n", b'\t'),
            ("sku|location|quantity\n", b'|'),
            ("\"GTIN, UPC, EAN, or ISBN\";SKU;Stock", b';'),
            ("quantity\n", b','),
            (",,,\n;;\nsku;location;quantity\n", b';'),
            ("", b','),
        ] {
            assert_eq!(separator_of(head), char::from(separator), "{head:?}");
        }
        assert_eq!(sep_line(b"sep=;\r\nsku;x"), Some((b';', 7)));
        assert_eq!(sep_line(b"\"sep=|\"\nsku|x"), Some((b'|', 8)));
        assert_eq!(sep_line(b"separate,x\n"), None);
    }

    fn separator_of(head: &str) -> char {
        char::from(separator(head.as_bytes()))
    }
}
