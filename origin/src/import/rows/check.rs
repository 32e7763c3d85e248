//! Whether a row can be applied, and as what.

use std::io::Read;

use onhand_wire::{
    Code, LocationId, Money, Problem, Quantity, RestockAt, Sku, limits,
    request::{Check, Policy, PutItem},
};

use super::{Raw, Rows, Source, UNKNOWN_LISTED};
use crate::{
    command::{ImportMode, ImportRow},
    decide::Rejection,
    import::{Options, check_quantity, damage::suspect},
};

impl<R: Read> Rows<R> {
    /// None: the row says nothing of stock.
    pub(super) fn check(&mut self, mut raw: Raw, row: u64, options: Options) -> Result<Option<ImportRow>, Problem> {
        if raw.left_out {
            return Ok(None);
        }
        if options.mode == ImportMode::Adjust && raw.quantity == 0 {
            self.notes.add("adjustment_of_0", row, || "adjustments of 0 were left out".to_owned());
            return Ok(None);
        }
        if options.mode == ImportMode::Set && raw.quantity < 0 && self.sells_below_zero() {
            self.notes.add("below_zero", row, || "quantities below 0 were counted as 0".to_owned());
            raw.quantity = 0;
        }
        check_quantity(raw.quantity, options.mode)?;
        self.leave_items(&mut raw, row, options)?;
        let (sku, written) = self.sku(&raw.sku, row)?;
        let location = match raw.at.take() {
            Some(at) => at,
            None => self.place(raw.location.as_deref().unwrap_or_default(), row)?,
        };
        let policy = policy(&raw)?;
        if let Some(attributes) = &raw.attributes {
            let (name, brand, price) = ("x".to_owned(), None, None);
            PutItem { name, brand, attributes: attributes.clone(), price, active: true }.check()?;
        }
        Ok(Some(ImportRow {
            row,
            suspect: if self.is_typed() { None } else { suspect(sku.as_str()) },
            sku,
            written,
            location,
            quantity: raw.quantity,
            name: named("name", raw.name)?,
            brand: named("brand", raw.brand)?,
            price: price(raw.price, raw.currency)?,
            active: raw.active,
            attributes: raw.attributes,
            policy,
            mode: options.mode,
            create: options.create,
        }))
    }

    /// Whether names are what they were: texts in JSON, or an export of ours.
    fn is_typed(&self) -> bool {
        match &self.source {
            Source::Csv(_, layout, _) => layout.ours,
            Source::Ndjson(..) => true,
        }
    }

    fn sells_below_zero(&self) -> bool {
        matches!(&self.source, Source::Csv(_, layout, _) if layout.format.below_zero)
    }

    /// Who may not change items is refused, but for what a shop's export brings along.
    fn leave_items(&mut self, raw: &mut Raw, row: u64, options: Options) -> Result<(), Problem> {
        let items = raw.name.is_some()
            || raw.brand.is_some()
            || raw.price.is_some()
            || raw.active.is_some()
            || raw.attributes.is_some();
        if options.items || !items {
            return Ok(());
        }
        if !raw.foreign {
            let detail = "name, brand, price, active, attributes: items are changed with scope admin only; leave these columns out";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        (raw.name, raw.brand) = (None, None);
        let detail = || "names and brands were left out: items are changed with scope admin only".to_owned();
        self.notes.add("items_left", row, detail);
        Ok(())
    }

    /// As it should be spelt; and as it is written, where that is another name, which may be there already.
    fn sku(&mut self, text: &str, row: u64) -> Result<(Sku, Option<Sku>), Problem> {
        let sku = Sku::respelt(text).map_err(|error| Problem::field("sku", error))?;
        if text.contains(char::REPLACEMENT_CHARACTER) {
            let right = format!("{text:?} has a character that could not be read; say charset=");
            return Err(Problem::field("sku", right));
        }
        if sku.as_str() == text {
            return Ok((sku, None));
        }
        self.notes.add("respelt", row, || {
            format!("SKUs were written in NFC and without what cannot be seen at their ends: {text:?} as {sku}")
        });
        Ok((sku, Sku::new(text).ok()))
    }

    fn place(&mut self, text: &str, row: u64) -> Result<LocationId, Problem> {
        let places = self.reading.places.clone();
        if text.trim().is_empty() {
            if !places.is_said() && !self.may_lack_place() {
                return Err(Problem::field("location", "an id or a name of a location, or say location="));
            }
            let place = places.fallback()?;
            self.notes.add("location", row, || format!("rows that name no location went to {place}"));
            return Ok(place.clone());
        }
        if let Some(place) = places.find(text) {
            if place.as_str() != text {
                self.notes
                    .add("location_names", row, || format!("locations were found by their names: {text:?} is {place}"));
            }
            return Ok(place);
        }
        if self.unknown.len() < UNKNOWN_LISTED {
            self.unknown.insert(text.to_owned());
        }
        match LocationId::new(text) {
            Ok(id) => Err(Rejection::UnknownLocation(id).into()),
            Err(_) => Err(Problem::field("location", places.unknown(text))),
        }
    }

    /// Whether the file's format has no column for it.
    fn may_lack_place(&self) -> bool {
        use crate::import::formats::Field;
        matches!(&self.source, Source::Csv(_, layout, _) if !layout.format.columns.contains_key(&Field::Location))
    }
}

fn named(field: &'static str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => onhand_wire::request::check_text(field, &text).map(|()| Some(text)),
        None => Ok(None),
    }
}

fn policy(raw: &Raw) -> Result<Policy, Problem> {
    let whole = |field: &'static str, value: Option<i64>| match value {
        Some(value) => Quantity::try_from(value).map(Some).map_err(|error| Problem::field(field, error)),
        None => Ok(None),
    };
    let restock_at = raw.restock_at.as_deref().map(|text| {
        let right = || Problem::field("restock_at", "a date like 2026-03-01, or a time in RFC 3339");
        RestockAt::parse(text).ok_or_else(right).map(Some)
    });
    Ok(Policy {
        safety_stock: whole("safety_stock", raw.safety_stock)?,
        backorder_limit: whole("backorder_limit", raw.backorder_limit)?,
        low_stock_at: whole("low_stock_at", raw.low_stock_at)?,
        restock_at: restock_at.transpose()?,
        ..Policy::default()
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
