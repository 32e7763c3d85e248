//! Types of configuration values: each has its unit, and its errors say what would be right.

mod http;
mod url;

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::{
    http::{ClientConfig, HttpConfig, TlsConfig},
    url::SecretUrl,
};

/// A duration with its unit: `"250ms"`, `"30s"`, `"1m"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    pub const fn ms(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    pub const fn s(s: u64) -> Self {
        Self(Duration::from_secs(s))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom(r#"a duration with its unit, in quotes, like "250ms" or "30s""#))?;
        humantime::parse_duration(&text).map(Self).map_err(|_| {
            de::Error::custom(format!(r#"{text:?} is not a duration; write one with its unit, like "250ms" or "30s""#))
        })
    }
}

/// What is wrong with an address to listen on; names are resolved later, when they are needed.
pub fn address_fault(key: &str, address: &str) -> Option<String> {
    let port =
        address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    port.is_none().then(|| format!("{key}: {address:?} is not an address; write HOST:PORT, such as \"0.0.0.0:8080\""))
}

/// For a count that may not be 0.
pub fn count_fault(key: &str, none: bool) -> Option<String> {
    none.then(|| format!("{key}: must be 1 or more"))
}

/// A size in bytes with its unit: `"64KiB"`, `"64MiB"`, `"1GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// The size as a length in memory.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let (unit, bytes) = UNITS.into_iter().find(|(unit, _)| text.ends_with(unit))?;
        let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
        number.checked_mul(bytes).map(Self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, bytes): &(&str, u64)| self.0 >= *bytes && self.0.is_multiple_of(*bytes);
        let (unit, bytes) = UNITS.into_iter().find(fits).unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom(r#"a size with its unit, in quotes, like "64MiB""#))?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format!(r#"{text:?} is not a size; write one with its unit, like "64KiB" or "64MiB""#))
        })
    }
}

/// A value that is never shown. White space around it is refused, because a trailing newline makes a secret wrong.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "\"(hidden)\"" })
    }
}

/// Shows only that there is one.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0.is_empty() { "" } else { "(hidden)" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = String::deserialize(deserializer).map_err(|_| de::Error::custom("a secret is text in quotes"))?;
        clean(value, "the secret").map(Self).map_err(de::Error::custom)
    }
}

fn clean(value: String, what: &str) -> Result<String, String> {
    if value.trim() != value || value.contains(char::is_control) {
        return Err(format!(
            "{what} has stray white space around it or a line break in it (a trailing newline?); its value is not shown"
        ));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_with_a_newline_is_refused_and_not_shown() {
        let error = serde_json::from_str::<Secret>(r#""hunter2\n""#).unwrap_err().to_string();
        assert!(error.contains("stray white space") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn sizes_and_spans_carry_units() {
        assert_eq!(Size::parse("64MiB"), Some(Size(64 << 20)));
        assert_eq!(Size::parse("64"), None);
        assert_eq!(serde_json::to_string(&Size(64 << 20)).unwrap(), "\"64MiB\"");
        assert!(serde_json::from_str::<Span>("\"250\"").is_err());
        assert_eq!(serde_json::from_str::<Span>("\"250ms\"").unwrap(), Span::ms(250));
    }
}
