//! Whole numbers as people and spreadsheets write them.

use onhand_wire::{Problem, whole};

use super::formats::Locale;

/// Without a locale only what is a whole number everywhere: `1.234` is one thing in Berlin and another in London.
pub(super) fn number(field: &str, text: &str, locale: Option<&Locale>) -> Result<i64, Problem> {
    let text = text.trim();
    let read = match locale {
        Some(locale) => in_locale(text, locale),
        None => whole(text),
    };
    read.ok_or_else(|| Problem::field(field, right(text, locale)))
}

/// Groups of three between its separators, and no fraction but zeros.
fn in_locale(text: &str, locale: &Locale) -> Option<i64> {
    let (units, fraction) = text.split_once(locale.decimal).unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte == b'0') {
        return None;
    }
    let unsigned = units.strip_prefix('-').unwrap_or(units);
    let mut groups = unsigned.split(|character: char| locale.thousands.contains(&character));
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let grouped = rest.is_empty() || first.len() <= 3 && rest.iter().all(|group| group.len() == 3);
    if !grouped || first.is_empty() {
        return None;
    }
    let sign = if units.starts_with('-') { "-" } else { "" };
    whole(&[sign, first, &rest.concat()].concat())
}

fn right(text: &str, locale: Option<&Locale>) -> String {
    if shortened(text) {
        return format!("{text} is what a spreadsheet shows of a long number: write out its digits");
    }
    if let Some(error) = cell_error(text) {
        return error;
    }
    let grouped = text.len() < 32
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.contains(|c: char| !c.is_ascii_digit());
    if locale.is_none() && grouped && text.chars().all(|c| c.is_ascii_digit() || ",.'’ \u{a0}\u{202f}-".contains(c)) {
        return format!(
            "a whole number; how {text} is meant depends on the country: say locale=en, locale=de and so on"
        );
    }
    "a whole number".to_owned()
}

/// `4.00638E+12`: digits are lost.
pub(super) fn shortened(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (units, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    units.len() == 1 && digits(units) && digits(fraction) && exponent.strip_prefix('+').is_some_and(digits)
}

/// `#N/A` and its kind.
pub(super) fn cell_error(text: &str) -> Option<String> {
    const ERRORS: [&str; 9] = ["#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"];
    let found = ERRORS.contains(&text) || text.len() > 2 && text.bytes().all(|byte| byte == b'#');
    found.then(|| format!("{text} is a spreadsheet's error, not a value"))
}

#[cfg(test)]
mod tests {
    use super::{super::formats::locale, *};

    #[test]
    fn thousands_are_read_where_the_locale_is_said() {
        for (name, text, value) in [
            ("en", "1,234", 1234),
            ("en", "1,234,567.00", 1_234_567),
            ("de", "1.234", 1234),
            ("de", "1.000", 1000),
            ("de", "-1.234,0", -1234),
            ("fr", "1\u{202f}234", 1234),
            ("fr", "12 345", 12345),
            ("de-CH", "1’234", 1234),
            ("en", "12", 12),
        ] {
            assert_eq!(number("q", text, locale(name)).unwrap(), value, "{name} {text}");
        }
        for (name, text) in
            [("en", "1,23"), ("en", "1.5"), ("de", "1,5"), ("de", "13.0000"), ("en", ",123"), ("en", "")]
        {
            assert!(number("q", text, locale(name)).is_err(), "{name} {text}");
        }
    }

    #[test]
    fn without_a_locale_nothing_is_guessed() {
        assert_eq!(number("q", " 13.0000 ", None).unwrap(), 13);
        for (text, said) in [
            ("1,234", "say locale="),
            ("1.234", "say locale="),
            ("1'234", "say locale="),
            ("1.2E+03", "write out its digits"),
            ("#REF!", "a spreadsheet's error"),
            ("minus", "a whole number"),
        ] {
            let refused = number("q", text, None).unwrap_err();
            assert!(refused.detail.contains(said), "{text}: {}", refused.detail);
        }
    }
}
