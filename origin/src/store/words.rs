//! The words of product search: those of an item, and those of a query.

use onhand_wire::{Item, Problem, limits, request::check_text};

/// Before each of an item's words in [`search_text`]. No name or SKU contains it.
pub(super) const BEFORE: char = '\u{1}';

/// Lower case, letter by letter, so that it does not depend on neighbouring letters: a query's word may be part of
/// another.
fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|letter| if letter == 'ς' { 'σ' } else { letter }).collect()
}

/// The words of a query: each must be a prefix of the SKU or of a word of name or brand.
pub(crate) fn of_query(q: &str) -> Result<Vec<String>, Problem> {
    check_text("q", q)?;
    let words: Vec<String> = fold(q).split_whitespace().map(str::to_owned).collect();
    if words.len() > limits::SEARCH_WORDS {
        return Err(Problem::field("q", format!("at most {} words", limits::SEARCH_WORDS)));
    }
    Ok(words)
}

/// The SKU whole; of name and brand the strings between spaces, and each run of letters and digits in them, so that
/// `T-LIGHT` is found by `t-light`, `t` and `light`. Sorted, none twice.
pub(super) fn of_item(item: &Item) -> Vec<String> {
    let text = fold(&format!("{} {}", item.name, item.brand.as_deref().unwrap_or_default()));
    let runs = |word: &str| word.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
    let mut words: Vec<String> = text.split_whitespace().flat_map(runs).collect();
    words.extend(text.split_whitespace().map(str::to_owned));
    words.push(fold(item.sku.as_str()));
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    words.dedup();
    words
}

/// An item's words for the stores, with [`BEFORE`] in front of each.
pub(super) fn search_text(item: &Item) -> String {
    of_item(item).iter().flat_map(|word| [BEFORE].into_iter().chain(word.chars())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_folds_as_an_item_does() {
        for (text, begun) in
            [("ΟΔΟΣΑ", "οδος"), ("STRASSE", "Strass"), ("İzmir", "i"), ("ÉCLAIR", "éc"), ("🎄Tree", "🎄")]
        {
            let words = of_query(begun).unwrap();
            assert!(fold(text).starts_with(&words[0]), "{text} {words:?}");
        }
    }

    #[test]
    fn many_words_long_queries_and_control_characters_are_refused() {
        assert!(of_query(&"x".repeat(512)).is_ok() && of_query("  ").unwrap().is_empty());
        assert_eq!(of_query(&"x ".repeat(limits::SEARCH_WORDS)).unwrap().len(), limits::SEARCH_WORDS);
        for bad in ["x ".repeat(limits::SEARCH_WORDS + 1).as_str(), "x".repeat(513).as_str(), "a\0b", "a\u{1}b"] {
            assert_eq!(of_query(bad).unwrap_err().members["field"], "q");
        }
    }
}
