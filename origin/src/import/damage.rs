//! SKUs that a spreadsheet has damaged: told from what they look like, and judged by what is in the catalogue.

use onhand_wire::Sku;

use super::numbers::{cell_error, shortened};
use crate::command::Suspect;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// How many digits codes have that begin with zeros: EAN-8, UPC-A, EAN-13, GTIN-14.
const CODES: [usize; 4] = [8, 12, 13, 14];

pub(super) fn suspect(sku: &str) -> Option<Suspect> {
    if shortened(sku) {
        return Some(Suspect::Always(format!(
            "{sku} is what a spreadsheet makes of a long number, and digits are lost; make the column text and export again"
        )));
    }
    if let Some(error) = cell_error(sku) {
        return Some(Suspect::Always(error));
    }
    if is_date(sku) {
        return Some(Suspect::Always(format!(
            "{sku} looks like a date that a spreadsheet has made of a code; make the column text and export again"
        )));
    }
    let digits = !sku.starts_with('0') && sku.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some(Suspect::LostZeros)
}

/// `2-Sep`, `Mar-05`.
fn is_date(sku: &str) -> bool {
    if sku.len() > 6 {
        return false;
    }
    let Some((one, other)) = sku.split_once('-') else { return false };
    let month = |text: &str| MONTHS.contains(&text.to_lowercase().as_str());
    let day = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    month(one) && day(other) || day(one) && month(other)
}

/// What it may have been: one to four zeros more, or as many as its code has.
pub(super) fn with_zeros(sku: &str) -> Vec<Sku> {
    let lengths = (1..=4).map(|zeros| sku.len() + zeros).chain(CODES).filter(|length| *length > sku.len());
    let mut lengths: Vec<usize> = lengths.collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths.into_iter().filter_map(|length| Sku::new(&format!("{sku:0>length$}")).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_spreadsheets_make_of_codes_is_suspect() {
        for damaged in ["4.00638E+12", "4,00638E+12", "#N/A", "########", "2-Sep", "Mar-05"] {
            assert!(matches!(suspect(damaged), Some(Suspect::Always(_))), "{damaged}");
        }
        for sound in ["22423", "85123A", "E-12", "SEP-2X", "1E5", "A#1", "0123"] {
            assert!(!matches!(suspect(sound), Some(Suspect::Always(_))), "{sound}");
        }
        assert_eq!(suspect("12345"), Some(Suspect::LostZeros));
        let maybe = with_zeros("12345");
        assert!(["012345", "0012345", "000000012345"].iter().all(|name| maybe.iter().any(|sku| sku.as_str() == *name)));
    }
}
