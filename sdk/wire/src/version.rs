//! Versions: totally ordered for one key, across failovers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// `(term, seq)` as 16 and 48 bits of a `u64`: ordered by term, then by seq.
///
/// `seq` rises by at least 1 under the row's lock and survives deletion. The term is the database's current one, read
/// in the same snapshot as the fact. Opaque to callers (`"1.42"` in JSON, the number in MessagePack).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

const SEQ_BITS: u32 = 48;

impl Version {
    /// Lower than every version that an origin gives.
    pub const ZERO: Self = Self(0);

    /// `seq` beyond 48 bits would need 89 years at 100,000 changes a second to one key; it saturates.
    pub fn new(term: u16, seq: u64) -> Self {
        Self((u64::from(term) << SEQ_BITS) | seq.min((1 << SEQ_BITS) - 1))
    }

    pub fn term(self) -> u16 {
        (self.0 >> SEQ_BITS) as u16
    }

    pub fn seq(self) -> u64 {
        self.0 & ((1 << SEQ_BITS) - 1)
    }

    /// The number, ordered as versions are.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (term, seq) = text.split_once('.')?;
        let seq: u64 = seq.parse().ok()?;
        (seq < 1 << SEQ_BITS).then(|| Some(Self::new(term.parse().ok()?, seq)))?
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term(), self.seq())
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_u64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl de::Visitor<'_> for Either {
            type Value = Version;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Version, E> {
                Version::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Version, E> {
                Ok(Version(number))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_term_wins_over_any_seq() {
        assert!(Version::new(2, 1) > Version::new(1, 1 << 40));
        assert!(Version::new(1, 2) > Version::new(1, 1));
    }

    #[test]
    fn shown_as_term_and_seq() {
        let version = Version::new(1, 42);
        assert_eq!(version.to_string(), "1.42");
        assert_eq!(Version::parse("1.42"), Some(version));
        assert_eq!(Version::parse("1"), None);
    }
}
