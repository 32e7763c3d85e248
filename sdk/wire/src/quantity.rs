//! Quantities in whole units and money in minor units.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;
#[cfg(feature = "openapi")]
use crate::schema;

/// Whole units, 0 to 1,000,000,000.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Quantity(u32);

/// A quantity outside 0 to 1,000,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a quantity is a whole number from 0 to 1000000000")]
pub struct InvalidQuantity;

impl Quantity {
    pub fn new(units: u32) -> Result<Self, InvalidQuantity> {
        if units <= limits::QUANTITY { Ok(Self(units)) } else { Err(InvalidQuantity) }
    }

    pub fn get(self) -> i64 {
        i64::from(self.0)
    }
}

impl TryFrom<i64> for Quantity {
    type Error = InvalidQuantity;

    fn try_from(units: i64) -> Result<Self, InvalidQuantity> {
        Self::new(u32::try_from(units).map_err(|_| InvalidQuantity)?)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl de::Visitor<'_> for Whole {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number from 0 to 1000000000")
            }

            fn visit_u64<E: de::Error>(self, units: u64) -> Result<Quantity, E> {
                let whole = i64::try_from(units).map_err(|_| E::custom(InvalidQuantity))?;
                Quantity::try_from(whole).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, units: i64) -> Result<Quantity, E> {
                Quantity::try_from(units).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Whole)
    }
}

/// An amount in minor units (pence, cents) of an ISO 4217 currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units, 0 or more.
    #[serde(deserialize_with = "not_negative")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::amount))]
    pub amount: i64,
    /// Three capital letters.
    #[serde(deserialize_with = "currency")]
    #[cfg_attr(feature = "openapi", schema(schema_with = schema::currency))]
    pub currency: String,
}

fn not_negative<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let amount = i64::deserialize(deserializer)?;
    if (0..=limits::AMOUNT).contains(&amount) {
        return Ok(amount);
    }
    Err(de::Error::custom("an amount is a whole number of minor units from 0 to 1000000000000"))
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    currency_code(String::deserialize(deserializer)?)
}

pub(crate) fn currency_code<E: de::Error>(code: String) -> Result<String, E> {
    if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(code);
    }
    Err(E::custom("a currency is three capital letters, like GBP"))
}
