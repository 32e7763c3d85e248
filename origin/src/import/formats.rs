//! What shops export: the table of `formats.toml`, and which of its rows a header is.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

/// What a column can mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Field {
    Sku,
    Location,
    Quantity,
    Name,
    Brand,
    Price,
    Currency,
    SafetyStock,
    BackorderLimit,
    LowStockAt,
    RestockAt,
    Active,
    Attributes,
}

impl Field {
    pub(super) const ALL: [Self; 13] = [
        Self::Sku,
        Self::Location,
        Self::Quantity,
        Self::Name,
        Self::Brand,
        Self::Price,
        Self::Currency,
        Self::SafetyStock,
        Self::BackorderLimit,
        Self::LowStockAt,
        Self::RestockAt,
        Self::Active,
        Self::Attributes,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sku => "sku",
            Self::Location => "location",
            Self::Quantity => "quantity",
            Self::Name => "name",
            Self::Brand => "brand",
            Self::Price => "price",
            Self::Currency => "currency",
            Self::SafetyStock => "safety_stock",
            Self::BackorderLimit => "backorder_limit",
            Self::LowStockAt => "low_stock_at",
            Self::RestockAt => "restock_at",
            Self::Active => "active",
            Self::Attributes => "attributes",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

/// A row of the table; its members are explained there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Format {
    pub(super) name: String,
    pub(super) docs: String,
    known_by: Vec<String>,
    pub(super) columns: BTreeMap<Field, Vec<String>>,
    pub(super) name_parts: Vec<String>,
    pub(super) no_part: Vec<String>,
    pub(super) carried: Option<Carried>,
    unused: Vec<String>,
    unused_prefixes: Vec<String>,
    unused_suffixes: Vec<String>,
    pub(super) wide: bool,
    left_out: Vec<String>,
    pub(super) no_sku: bool,
    pub(super) below_zero: bool,
    pub(super) escape: Option<char>,
    pub(super) none_if: Option<NoneIf>,
    pub(super) tells: Option<String>,
    /// Every other column is unused: of what a caller maps.
    #[serde(skip)]
    pub(super) mapped: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Carried {
    pub(super) by: String,
    pub(super) columns: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoneIf {
    pub(super) column: String,
    pub(super) is: Vec<String>,
}

/// How numbers are written somewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Locale {
    names: Vec<String>,
    pub(super) thousands: Vec<char>,
    pub(super) decimal: char,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    format: Vec<Format>,
    locale: Vec<Locale>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("formats.toml")).expect("the table of formats is read by a test"));

/// Case and blanks around a column's name say nothing.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    one == other || one.to_lowercase() == other.to_lowercase()
}

fn among(names: &[String], name: &str) -> bool {
    names.iter().any(|known| same(known, name))
}

impl Format {
    /// What a caller maps: columns are added to it.
    pub(super) fn mapped() -> Self {
        Self { name: "mapped".to_owned(), mapped: true, ..Self::default() }
    }

    /// Whether the column is known to say nothing of use here.
    pub(super) fn leaves(&self, column: &str) -> bool {
        let lower = column.trim().to_lowercase();
        self.mapped
            || among(&self.unused, column)
            || self.unused_prefixes.iter().any(|prefix| lower.starts_with(&prefix.to_lowercase()))
            || self.unused_suffixes.iter().any(|suffix| lower.ends_with(&suffix.to_lowercase()))
    }

    /// Whether a quantity says that nothing is kept there.
    pub(super) fn left_out(&self, quantity: &str) -> bool {
        among(&self.left_out, quantity)
    }

    /// Ours, whose columns are told apart to the letter: a name that is not ours is a mistake.
    pub(super) fn is_own(&self) -> bool {
        self.name == OWN
    }
}

const OWN: &str = "onhand";

/// Our own format.
pub(super) fn own() -> &'static Format {
    named(OWN).expect("it stands in the table")
}

pub(super) fn named(name: &str) -> Option<&'static Format> {
    TABLE.format.iter().find(|format| format.name == name)
}

/// For whoever asks for one that is not there.
pub(super) fn names() -> String {
    let names: Vec<&str> = TABLE.format.iter().map(|format| format.name.as_str()).collect();
    names.join(", ")
}

/// The format that a header is: of several the one that is told by most columns.
pub(super) fn of(header: &[String]) -> Option<&'static Format> {
    let known = |format: &&Format| format.known_by.iter().all(|column| among(header, column));
    TABLE.format.iter().filter(known).max_by_key(|format| format.known_by.len())
}

/// How numbers are written in a language, or a language of a country: `de`, `de-CH`, `de_CH`.
pub(super) fn locale(name: &str) -> Option<&'static Locale> {
    let name = name.to_lowercase().replace('_', "-");
    let find = |name: &str| TABLE.locale.iter().find(|locale| locale.names.iter().any(|known| known == name));
    find(&name).or_else(|| find(name.split('-').next().unwrap_or_default()))
}

pub(super) fn locales() -> String {
    let names: Vec<&str> = TABLE.locale.iter().flat_map(|locale| &locale.names).map(String::as_str).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Vec<String> {
        text.split(',').map(|column| column.trim_matches('"').to_owned()).collect()
    }

    #[test]
    fn each_format_is_known_by_its_header() {
        for (columns, name) in [
            ("sku,location,quantity", "onhand"),
            ("SKU, Quantity ,Location", "onhand"),
            (
                "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Location,Bin name,On hand (new)",
                "shopify-inventory",
            ),
            ("Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Berlin,London", "shopify-inventory-wide"),
            ("Handle,Title,Body (HTML),Vendor,Variant SKU,Variant Inventory Qty,Status", "shopify-products"),
            ("Title,URL handle,Description,Vendor,SKU,Price,Inventory quantity", "shopify-products-2025"),
            ("source_code,sku,status,quantity", "magento-stock-sources"),
            ("ID,Type,SKU,Name,In stock?,Stock,Backorders allowed?,Parent", "woocommerce-products"),
        ] {
            assert_eq!(of(&header(columns)).map(|format| format.name.as_str()), Some(name), "{columns}");
        }
        assert!(of(&header("article,count")).is_none());
    }

    /// A row of the table names each of its columns once, says where its platform describes the file, and can be read.
    #[test]
    fn the_table_holds_together() {
        for format in &TABLE.format {
            assert!(format.docs.starts_with("https://") || format.is_own(), "{}", format.name);
            assert!(format.columns.contains_key(&Field::Sku), "{}", format.name);
            assert!(format.wide != format.columns.contains_key(&Field::Quantity), "{}", format.name);
            let used: Vec<&String> = format.columns.values().flatten().collect();
            assert!(!used.iter().any(|column| among(&format.unused, column)), "{}", format.name);
        }
    }

    #[test]
    fn a_locale_is_found_by_language_or_country() {
        assert_eq!(locale("de").unwrap().decimal, ',');
        assert_eq!(locale("de-AT").unwrap().decimal, ',');
        assert_eq!(locale("de_CH").unwrap().decimal, '.');
        assert_eq!(locale("en-GB").unwrap().thousands, [',']);
        assert!(locale("xx").is_none());
    }
}
