use onhand_wire::Stock;

use super::*;

/// Without the join with `recent` in `L1::fill`, the load that began before the change puts the old
/// version into L1 after the new one has come and gone by: the node shows 1, for ever.
#[test]
fn the_fill_race() {
    let tiers = Tiers::new(100, 1);
    let load = tiers.began(); // the origin is asked and reads version 1 …
    tiers.feed(0, "a", 2); // … the change arrives while the answer travels …
    assert_eq!(tiers.fill("a", 1, load, 10), Some(2)); // … and the answer comes last
    assert_eq!(tiers.held("a"), Some(2));
}

/// The other order: the change arrives after the load was put in.
#[test]
fn a_change_after_the_fill_is_joined() {
    let tiers = Tiers::new(100, 1);
    let load = tiers.began();
    tiers.fill("a", 1, load, 10);
    tiers.feed(0, "a", 2);
    assert_eq!(tiers.held("a"), Some(2));
    tiers.feed(1, "a", 1);
    assert_eq!(tiers.held("a"), Some(2), "a late repeat changes nothing");
}

/// Two loads cross: the one with the newer snapshot lands first and is evicted before the other.
#[test]
fn a_load_does_not_undo_a_newer_load_that_was_evicted() {
    let tiers = Tiers::new(100, 1);
    let older = tiers.began();
    let newer = tiers.began();
    assert_eq!(tiers.fill("a", 5, newer, 100), Some(5));
    tiers.l1.evict(&sku("a"));
    assert_eq!(tiers.fill("a", 4, older, 90), Some(5));
}

/// A hold's answer is joined before its caller hears; an older load must not take it back.
#[test]
fn a_load_does_not_undo_a_write() {
    let tiers = Tiers::new(100, 1);
    let load = tiers.began();
    tiers.recent.written(&sku("a"), Stock { item: None, facts: vec![fact("a", 7)] }, at(50));
    tiers.l1.written(&sku("a"), Stock { item: None, facts: vec![fact("a", 7)] });
    assert_eq!(tiers.held("a"), None, "part of a SKU makes no entry");
    assert_eq!(tiers.fill("a", 6, load, 60), Some(7));
}

#[test]
fn a_load_that_began_before_what_is_remembered_is_made_again() {
    let tiers = Tiers::new(2, 1);
    let load = tiers.began();
    tiers.feed(0, "a", 2);
    tiers.feed(1, "b", 1);
    tiers.feed(2, "c", 1); // pushes out a
    assert_eq!(tiers.fill("a", 1, load, 10), None);
    assert_eq!(tiers.fill("a", 2, tiers.began(), 10), Some(2));
}

#[test]
fn a_read_of_l2_counts_only_from_where_recent_is_complete() {
    let tiers = Tiers::new(2, 1);
    let l2 = |offset, as_of| Source::L2 { partition: 0, offset, as_of: at(as_of) };
    tiers.feed(0, "a", 2);
    tiers.feed(1, "b", 1);
    tiers.feed(2, "c", 1); // pushes out a, at offset 0
    assert!(!tiers.recent.reaches_back(l2(0, 0)));
    assert!(tiers.recent.reaches_back(l2(1, 0)));
    assert!(!tiers.recent.reaches_back(Source::L2 { partition: 1, offset: 9, as_of: at(0) }), "no such partition");
    assert_eq!(tiers.fill("b", 0, l2(1, 0), 10), Some(1), "joined with what came since");
}

#[test]
fn loaded_facts_leave_once_as_of_has_passed_them() {
    let tiers = Tiers::new(10, 1);
    tiers.fill("a", 5, tiers.began(), 100);
    tiers.feed(0, "b", 1);
    tiers.recent.passed(at(99));
    assert_eq!(tiers.recent.len(), 2);
    tiers.recent.passed(at(100));
    assert_eq!(tiers.recent.len(), 1, "the feed's own stays");
}

/// Loaded facts pushed out before the feed has brought as much: L2 may lie behind what was shown.
#[test]
fn l2_waits_when_loaded_facts_were_pushed_out() {
    let tiers = Tiers::new(1, 1);
    tiers.fill("a", 5, tiers.began(), 100);
    tiers.fill("b", 1, tiers.began(), 100);
    let l2 = |as_of| Source::L2 { partition: 0, offset: 0, as_of: at(as_of) };
    assert!(!tiers.recent.reaches_back(l2(99)));
    assert!(tiers.recent.reaches_back(l2(100)));
}

#[test]
fn a_restart_forgets_everything_and_what_is_on_its_way() {
    let tiers = Tiers::new(10, 1);
    let load = tiers.began();
    tiers.fill("a", 1, load, 10);
    tiers.intake.restart(&[7]);
    assert_eq!(tiers.held("a"), None);
    assert_eq!(tiers.fill("a", 1, load, 10), None);
    let l2 = |offset| Source::L2 { partition: 0, offset, as_of: at(10) };
    assert!(!tiers.recent.reaches_back(l2(6)) && tiers.recent.reaches_back(l2(7)));
}

#[test]
fn an_unknown_sku_becomes_known_through_the_feed() {
    let tiers = Tiers::new(10, 1);
    let load = tiers.began();
    let entry = tiers.l1.fill(&sku("new"), Stock::default(), load, at(1)).unwrap();
    assert!(!entry.stock.known());
    tiers.intake.apply(0, 0, News::Item(item("new")));
    assert!(tiers.l1.get("new").unwrap().stock.known());
}

/// The same with threads: a feed, loads that take a while, evictions, and readers, each with what it
/// remembers, of whom none ever sees less than any has seen, or than the feed had applied before.
#[test]
fn under_threads_no_reader_sees_a_version_fall() {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
    let tiers = Tiers::new(100, 1);
    let (truth, over) = (AtomicU64::new(1), AtomicBool::new(false));
    let (applied, seen) = (AtomicU64::new(0), AtomicU64::new(0));
    let read = |evicts: bool| {
        while !over.load(SeqCst) {
            let least = seen.load(SeqCst).max(applied.load(SeqCst));
            let Some(shown) = tiers.held("a") else { continue };
            assert!(shown >= least, "{shown} was shown after {least}");
            seen.fetch_max(shown, SeqCst);
            if evicts && shown.is_multiple_of(7) {
                tiers.l1.evict(&sku("a"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    let load = tiers.began();
                    let read = truth.load(SeqCst);
                    std::thread::yield_now();
                    tiers.fill("a", read, load, read);
                }
            });
        }
        scope.spawn(|| read(true));
        scope.spawn(|| read(false));
        for seq in 2..20_000 {
            truth.store(seq, SeqCst);
            tiers.feed(seq as i64, "a", seq);
            applied.store(seq, SeqCst);
            tiers.recent.passed(at(seq));
        }
        over.store(true, SeqCst);
    });
}

#[test]
fn what_moka_has_evicted_and_a_thread_remembers_is_not_shown_once_it_changed() {
    let tiers = Tiers::new(100, 1);
    tiers.fill("a", 1, tiers.began(), 10);
    assert_eq!(tiers.held("a"), Some(1));
    tiers.l1.evict(&sku("a"));
    assert_eq!(tiers.held("a"), Some(1), "remembered, and true");
    tiers.feed(0, "a", 2);
    assert_eq!(tiers.held("a"), None);
}

#[test]
fn what_a_thread_remembers_ends_with_the_cache() {
    let tiers = Tiers::new(100, 1);
    tiers.fill("a", 1, tiers.began(), 10);
    assert_eq!(tiers.held("a"), Some(1));
    tiers.l1.clear();
    assert_eq!(tiers.held("a"), None);
}
