//! What somebody typed into a form, or what stands in an address: text, until it is read.

use std::collections::BTreeMap;

use onhand_wire::{LocationId, Quantity, Sku};

#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

/// Says which field is at fault, and what would be right.
pub(crate) type Read<T> = Result<T, String>;

impl From<Vec<(String, String)>> for Fields {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl Fields {
    /// Without the spaces around it; absent is empty.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |text| text.trim())
    }

    /// As it was typed: passwords.
    pub(crate) fn exact(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(crate) fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    pub(crate) fn ticked(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }

    pub(crate) fn required(&self, name: &str) -> Read<String> {
        self.given(name).ok_or_else(|| format!("{name}: say something"))
    }

    pub(crate) fn whole(&self, name: &str) -> Read<i64> {
        self.text(name).parse().map_err(|_| format!("{name}: a whole number, not {:?}", self.text(name)))
    }

    pub(crate) fn quantity(&self, name: &str) -> Read<Quantity> {
        let units = u32::try_from(self.whole(name)?).ok();
        let quantity = units.and_then(|units| Quantity::new(units).ok());
        quantity.ok_or_else(|| format!("{name}: a whole number from 0 to 1,000,000,000"))
    }

    pub(crate) fn optional_quantity(&self, name: &str) -> Read<Option<Quantity>> {
        if self.text(name).is_empty() { Ok(None) } else { self.quantity(name).map(Some) }
    }

    pub(crate) fn sku(&self, name: &str) -> Read<Sku> {
        Sku::new(self.text(name)).map_err(|error| format!("{name}: {error}"))
    }

    pub(crate) fn location(&self, name: &str) -> Read<LocationId> {
        LocationId::new(self.text(name)).map_err(|error| format!("{name}: {error}"))
    }

    /// The form's own key, so that sending it twice does it once.
    pub(crate) fn key(&self) -> String {
        self.given("key").unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
    }

    /// The address of the same page with other values.
    pub(crate) fn address(&self, path: &str, with: &[(&str, &str)]) -> String {
        let kept = self.0.iter().filter(|(name, value)| {
            !value.is_empty() && *name != "done" && !with.iter().any(|(changed, _)| changed == name)
        });
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs = kept.chain(with.iter().copied().filter(|(_, value)| !value.is_empty()));
        let encode = onhand_client::encode;
        let query: Vec<String> = pairs.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields::from(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
    }

    #[test]
    fn a_field_at_fault_is_named() {
        let fields = fields(&[("quantity", "many"), ("delta", " -3 "), ("location", "a b")]);
        assert!(fields.quantity("quantity").unwrap_err().starts_with("quantity: "));
        assert_eq!(fields.whole("delta"), Ok(-3));
        assert!(fields.location("location").unwrap_err().starts_with("location: "));
        assert!(fields.required("reason").unwrap_err().starts_with("reason: "));
    }

    #[test]
    fn filters_stand_in_the_address() {
        let fields = fields(&[("q", "a b"), ("brand", ""), ("cursor", "old"), ("done", "x")]);
        assert_eq!(fields.address("/items", &[("cursor", "n&w")]), "/items?q=a%20b&cursor=n%26w");
        assert_eq!(fields.address("/items", &[("cursor", ""), ("q", "")]), "/items");
    }
}
