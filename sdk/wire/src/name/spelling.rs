//! How a SKU may be spelt by whoever names a new one: so that no two look alike.
//!
//! Identity is byte for byte, and what is stored is found by its bytes. So this is asked only where a name is not known,
//! or an item is made: a lookup that finds its item never pays for it.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

use super::{InvalidName, Sku};

/// Why a name is refused although it would be readable if it were stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misspelt {
    #[error("{} stands at {place}, where it cannot be seen; leave it out", named(*.character))]
    AtAnEnd { character: char, place: &'static str },
    #[error("it is not in NFC (character {at}, {}): write it as {nfc:?}", named(*.character))]
    NotNfc { at: usize, character: char, nfc: String },
}

impl From<Misspelt> for InvalidName {
    fn from(misspelt: Misspelt) -> Self {
        Self(format!("a SKU is in NFC and begins and ends with what can be seen: {misspelt}"))
    }
}

/// No white space and no default-ignorable character of Unicode at either end, and NFC.
pub(super) fn check(name: &str) -> Result<(), Misspelt> {
    if name.is_ascii() {
        return Ok(()); // a space at an end is no SKU's at all
    }
    for (character, place) in [(name.chars().next(), "the beginning"), (name.chars().next_back(), "the end")] {
        if let Some(character) = character.filter(|character| unseen(*character)) {
            return Err(Misspelt::AtAnEnd { character, place });
        }
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let (right, rest) = nfc.split_normalized(name);
    match rest.chars().next() {
        Some(character) => {
            let at = right.chars().count() + 1;
            Err(Misspelt::NotNfc { at, character, nfc: nfc.normalize(name).into_owned() })
        }
        None => Ok(()),
    }
}

fn unseen(character: char) -> bool {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    character.is_whitespace() || !character.is_ascii() && ignorable.contains(character)
}

/// The name as it should be spelt: nothing unseen at its ends, in NFC.
pub(super) fn respelt(text: &str) -> Cow<'_, str> {
    let seen = text.trim_matches(unseen);
    if seen.is_ascii() { Cow::Borrowed(seen) } else { ComposingNormalizerBorrowed::new_nfc().normalize(seen) }
}

/// `U+00A0 (no-break space)`.
pub(super) fn named(character: char) -> String {
    let name = match character {
        '\u{a0}' => " (no-break space)",
        '\u{ad}' => " (soft hyphen)",
        '\u{200b}' => " (zero-width space)",
        '\u{200c}' => " (zero-width non-joiner)",
        '\u{200d}' => " (zero-width joiner)",
        '\u{2060}' => " (word joiner)",
        '\u{feff}' => " (byte order mark)",
        '\t' => " (tab)",
        '\n' | '\r' => " (line end)",
        _ => "",
    };
    format!("U+{:04X}{name}", u32::from(character))
}

impl Sku {
    /// Whether a caller may name a new item so; what is stored already may be spelt otherwise.
    pub fn check_spelling(&self) -> Result<(), InvalidName> {
        Ok(check(self.as_str())?)
    }

    /// The name as it should be spelt.
    pub fn respelt(text: &str) -> Result<Self, InvalidName> {
        Self::new(&respelt(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_refused_at_the_ends_and_said() {
        for (name, said) in [
            ("\u{a0}X", "U+00A0 (no-break space) stands at the beginning"),
            ("X\u{200b}", "U+200B (zero-width space) stands at the end"),
            ("\u{feff}X", "U+FEFF (byte order mark) stands at the beginning"),
            ("X\u{3000}", "U+3000 stands at the end"),
            ("X\u{ad}", "U+00AD (soft hyphen) stands at the end"),
            ("Cafe\u{301}", "not in NFC (character 4, U+0065): write it as \"Café\""),
            ("\u{212b}ngstrom", "not in NFC (character 1, U+212B)"),
        ] {
            let sku = Sku::new(name).expect("what is stored stays readable");
            let refused = sku.check_spelling().expect_err(name).to_string();
            assert!(refused.contains(said), "{name:?}: {refused}");
        }
        for good in ["22423", "A B/C", "é", "Größe 42", "袜子", "a\u{200d}b", "👩\u{200d}🚀"] {
            Sku::new(good).unwrap().check_spelling().expect(good);
        }
    }

    #[test]
    fn a_respelt_name_is_spelt_right() {
        for (text, name) in [
            (" X ", "X"),
            ("\u{feff}\u{a0}X\u{200b}", "X"),
            ("Cafe\u{301}", "Café"),
            ("A B", "A B"),
            ("\u{1100}\u{1161}", "가"),
        ] {
            let sku = Sku::respelt(text).unwrap();
            assert_eq!(sku.as_str(), name);
            sku.check_spelling().unwrap();
        }
        assert!(Sku::respelt("\u{200b}").is_err(), "nothing is left");
    }
}
