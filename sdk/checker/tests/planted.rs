//! A planted violation of each kind is found; allowed cases are not reported.

use std::collections::HashMap;

use onhand_checker::{Answer, Asked, Checker, Key, Write};
use onhand_wire::{LocationId, Sku, Timestamp, Version};

const NODES: [&str; 2] = ["edge-0", "edge-1"];

fn at(ms: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + ms * 1000)
}

fn key(sku: &str) -> Key {
    (Sku::new(sku).unwrap(), LocationId::new("a").unwrap())
}

fn wrote(checker: &Checker, sku: &str, seq: u64, ms: i64) {
    checker.acknowledged(&Write { key: key(sku), version: Version::new(1, seq), at: at(ms) });
}

/// With `seq` 0 the answer does not show the SKU.
fn answered(checker: &Checker, node: usize, asked: Asked, sku: &str, seq: u64, ms: i64) {
    let skus = [Sku::new(sku).unwrap()];
    let shown: HashMap<Key, Version> =
        if seq == 0 { HashMap::new() } else { [(key(sku), Version::new(1, seq))].into() };
    checker.answered(&Answer { node, asked, as_of: at(ms), stale: false, skus: &skus, shown });
}

fn look(checker: &Checker, node: usize, sku: &str, seq: u64, ms: i64) {
    let asked = checker.asking();
    answered(checker, node, asked, sku, seq, ms);
}

fn rules(checker: &Checker) -> Vec<&'static str> {
    let report = checker.report();
    assert_eq!(report.figures.violations, report.first.len() as u64);
    report.first.iter().map(|violation| violation.rule).collect()
}

#[test]
fn an_as_of_later_than_a_write_that_is_not_shown_is_unearned() {
    let checker = Checker::new(NODES);
    wrote(&checker, "x", 5, 100);
    look(&checker, 0, "x", 4, 100);
    assert!(rules(&checker).is_empty(), "as of the write's own moment claims nothing of it");
    look(&checker, 1, "x", 5, 101);
    look(&checker, 1, "x", 9, 101);
    assert!(rules(&checker).is_empty(), "newer is fine");
    look(&checker, 0, "x", 4, 101);
    assert_eq!(rules(&checker), ["unearned"]);
    let found = &checker.report().first[0];
    assert_eq!((found.node.as_str(), found.sku.as_str(), found.shown.as_str()), ("edge-0", "x", "1.4"));
    assert_eq!(found.as_of, at(101));
    assert!(found.to_string().contains("1.5 had been acknowledged as of 2023-11-14T22:13:20.100Z"), "{found}");
}

#[test]
fn a_write_that_is_heard_of_after_the_answer_counts_all_the_same() {
    let checker = Checker::new(NODES);
    look(&checker, 0, "x", 4, 150);
    look(&checker, 1, "x", 5, 300);
    assert!(rules(&checker).is_empty());
    wrote(&checker, "x", 5, 149);
    assert_eq!(rules(&checker), ["unearned"]);
    wrote(&checker, "x", 5, 150);
    assert_eq!(rules(&checker), ["unearned"], "the answer claims nothing of its own moment");
}

#[test]
fn the_highest_write_before_an_as_of_is_the_floor() {
    let checker = Checker::new(NODES);
    for (seq, ms) in [(7, 300), (5, 100), (6, 200)] {
        wrote(&checker, "x", seq, ms);
    }
    look(&checker, 0, "x", 6, 300);
    assert!(rules(&checker).is_empty());
    look(&checker, 1, "x", 5, 250);
    assert_eq!(rules(&checker), ["unearned"]);
}

#[test]
fn an_answer_without_a_key_that_was_written_is_unearned() {
    let checker = Checker::new(NODES);
    wrote(&checker, "x", 1, 100);
    look(&checker, 0, "x", 0, 99);
    look(&checker, 0, "y", 0, 200);
    assert!(rules(&checker).is_empty());
    look(&checker, 0, "x", 0, 101);
    assert_eq!(rules(&checker), ["unearned"]);
}

#[test]
fn a_node_that_shows_less_than_before_went_back() {
    let checker = Checker::new(NODES);
    look(&checker, 0, "x", 5, 10);
    look(&checker, 1, "x", 4, 10);
    look(&checker, 0, "y", 4, 10);
    assert!(rules(&checker).is_empty(), "another node and another key have moments of their own");
    look(&checker, 0, "x", 4, 10);
    assert_eq!(rules(&checker), ["went_back"]);
    look(&checker, 0, "x", 5, 10);
    look(&checker, 0, "x", 0, 10);
    assert_eq!(rules(&checker), ["went_back", "went_back"], "a SKU that is gone went back, too");
}

#[test]
fn answers_that_overlap_may_come_in_either_order() {
    let checker = Checker::new(NODES);
    let (first, second) = (checker.asking(), checker.asking());
    answered(&checker, 0, second, "x", 5, 10);
    answered(&checker, 0, first, "x", 4, 10);
    assert!(rules(&checker).is_empty());
    let third = checker.asking();
    answered(&checker, 0, third, "x", 4, 10);
    assert_eq!(rules(&checker), ["went_back"]);
}

#[test]
fn a_higher_term_is_later_than_any_seq() {
    let checker = Checker::new(NODES);
    let (skus, raised) = ([key("x").0], Version::new(2, 1));
    look(&checker, 0, "x", 900, 10);
    let asked = checker.asking();
    let shown = [(key("x"), raised)].into();
    checker.answered(&Answer { node: 0, asked, as_of: at(20), stale: true, skus: &skus, shown });
    assert!(rules(&checker).is_empty());
    look(&checker, 0, "x", 901, 30);
    assert_eq!(rules(&checker), ["went_back"]);
    assert_eq!(checker.figures().stale, 1);
}

#[test]
fn figures_tell_how_much_was_held_against_something() {
    let checker = Checker::new(NODES);
    look(&checker, 0, "x", 5, 10);
    assert_eq!(checker.figures().compared, 0, "a first answer can be held against nothing");
    wrote(&checker, "x", 5, 5);
    let before = checker.figures();
    look(&checker, 0, "x", 5, 10);
    let since = checker.figures().since(before);
    assert_eq!((since.answers, since.writes, since.compared, since.violations), (1, 0, 2, 0));
    assert_eq!(since.to_string(), "1 answers checked (0 marked stale), 0 writes, 2 comparisons, 0 violations");
}
