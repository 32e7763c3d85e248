//! The checks that several bodies share.

use crate::{Problem, Quantity, limits};

/// Free text within [`limits::TEXT_BYTES`], without control characters.
pub fn check_text(field: &str, text: &str) -> Result<(), Problem> {
    if text.len() <= limits::TEXT_BYTES && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::field(field, format!("at most {} bytes of text without control characters", limits::TEXT_BYTES)))
}

pub(super) fn check_required_text(field: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::field(field, "must not be empty"));
    }
    check_text(field, text)
}

pub(super) fn check_optional_text(field: &str, text: Option<&String>) -> Result<(), Problem> {
    text.map_or(Ok(()), |text| check_text(field, text))
}

pub(super) fn check_positive(field: &str, quantity: Quantity) -> Result<(), Problem> {
    if quantity.get() > 0 {
        return Ok(());
    }
    Err(Problem::field(field, "a whole number from 1 to 1000000000"))
}

pub(super) fn check_count(field: &str, count: usize, most: usize) -> Result<(), Problem> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(Problem::field(field, format!("1 to {most} entries")))
}

pub(super) fn check_degrees(field: &str, degrees: Option<f64>, most: f64) -> Result<(), Problem> {
    if degrees.is_none_or(|degrees| (-most..=most).contains(&degrees)) {
        return Ok(());
    }
    Err(Problem::field(field, format!("degrees from -{most} to {most}")))
}

pub(super) fn check_lines_once(lines: impl Iterator<Item = u32>) -> Result<(), Problem> {
    let mut seen = std::collections::BTreeSet::new();
    for (index, line) in lines.enumerate() {
        if !seen.insert(line) {
            return Err(Problem::field(&format!("lines[{index}].line"), format!("line {line} is named twice")));
        }
    }
    Ok(())
}
