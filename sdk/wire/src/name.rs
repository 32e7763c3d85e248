//! SKUs, locations and channels: checked once, at the boundary, then cheap to clone. Up to 23 bytes are stored in
//! place, as nearly all names are; longer ones are shared.

mod spelling;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;

pub use self::spelling::Misspelt;
use crate::limits;

/// A name that is not valid; the message says what would be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(String);

fn check_sku(name: &str) -> Result<(), InvalidName> {
    let visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic(); // as nearly all are
    let ok = (1..=limits::SKU_BYTES).contains(&name.len())
        && (name.bytes().all(visible) || !name.chars().any(char::is_control))
        && name.trim_matches(' ') == name;
    if ok {
        return Ok(());
    }
    let control = name.chars().zip(1..).find(|(character, _)| character.is_control());
    let which = match control {
        Some((character, at)) => format!("; character {at} is {}", spelling::named(character)),
        None if name.len() > limits::SKU_BYTES => format!("; this one has {}", name.len()),
        None => String::new(),
    };
    Err(InvalidName(format!(
        "a SKU has 1 to {} bytes of UTF-8, no control characters, no leading or trailing space{which}",
        limits::SKU_BYTES
    )))
}

fn check_id(name: &str) -> Result<(), InvalidName> {
    let mut bytes = name.bytes();
    let ok = name.len() <= limits::ID_CHARS
        && bytes.next().is_some_and(|b| b.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if ok {
        return Ok(());
    }
    Err(InvalidName(format!(
        "an id has 1 to {} characters of A-Z a-z 0-9 _ - and starts with a letter or digit",
        limits::ID_CHARS
    )))
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            pub fn new(name: &str) -> Result<Self, InvalidName> {
                $check(name)?;
                Ok(Self(name.into()))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Name;

                /// Reads the text in place, without a copy: a query has five hundred names.
                impl de::Visitor<'_> for Name {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a string")
                    }

                    fn visit_str<E: de::Error>(self, name: &str) -> Result<$name, E> {
                        $name::new(name).map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Name)
            }
        }
    };
}

name_type!(
    /// A stock keeping unit: 1 to 64 bytes of UTF-8, inner spaces and slashes allowed.
    Sku,
    check_sku
);
name_type!(
    /// A warehouse or store: `[A-Za-z0-9][A-Za-z0-9_-]{0,31}`.
    LocationId,
    check_id
);
name_type!(
    /// A storefront and the locations that serve it: `[A-Za-z0-9][A-Za-z0-9_-]{0,31}`.
    ChannelId,
    check_id
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skus_keep_inner_spaces_and_slashes() {
        for good in ["22423", "A B/C", "é", "~x"] {
            assert!(Sku::new(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "a\nb", &"x".repeat(65)] {
            assert!(Sku::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_start_with_a_letter_or_digit() {
        for good in ["eu-1", "1", "A_b"] {
            assert!(LocationId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "a b", "a/b", &"x".repeat(33)] {
            assert!(LocationId::new(bad).is_err(), "{bad:?}");
        }
    }
}
