use onhand_wire::Stock;

use super::*;

/// Without the join with `recent` in `L1::fill`, the load that began before the change would put the old version into
/// L1 after the new one has passed by: the node would show 1 for ever.
#[test]
fn the_fill_race() {
    let tiers = Tiers::new(100, 1);
    let load = tiers.began(); // the origin is asked and reads version 1 …
    tiers.feed(0, "a", 2); // … the change arrives while the answer travels …
    assert_eq!(tiers.fill("a", 1, load, 10), Some(2)); // … and the answer arrives last
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

/// A hold's answer is joined before its caller gets it; an older load must not undo that.
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
    let l2 = |offset, as_of| LoadSource::L2 { partition: 0, offset, as_of: at(as_of) };
    tiers.feed(0, "a", 2);
    tiers.feed(1, "b", 2);
    tiers.feed(2, "c", 1); // pushes out a, at offset 0
    assert!(!tiers.recent.reaches_back(l2(0, 0)));
    assert!(tiers.recent.reaches_back(l2(1, 0)));
    assert!(!tiers.recent.reaches_back(LoadSource::L2 { partition: 1, offset: 9, as_of: at(0) }), "no such partition");
    assert_eq!(tiers.fill("b", 1, l2(1, 0), 10), Some(2), "joined with what came since");
}

#[test]
fn loaded_facts_leave_once_as_of_has_passed_them() {
    let tiers = Tiers::new(10, 1);
    tiers.fill("a", 5, tiers.began(), 100);
    tiers.feed(0, "b", 1);
    tiers.recent.drop_passed(at(99));
    assert_eq!(tiers.recent.len(), 2);
    tiers.recent.drop_passed(at(100));
    assert_eq!(tiers.recent.len(), 1, "the feed's own stays");
}

/// Loaded facts are pushed out before the feed has caught up: L2 may be behind what was shown.
#[test]
fn l2_waits_when_loaded_facts_were_pushed_out() {
    let tiers = Tiers::new(1, 1);
    tiers.fill("a", 5, tiers.began(), 100);
    tiers.fill("b", 1, tiers.began(), 100);
    let l2 = |as_of| LoadSource::L2 { partition: 0, offset: 0, as_of: at(as_of) };
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
    let l2 = |offset| LoadSource::L2 { partition: 0, offset, as_of: at(10) };
    assert!(!tiers.recent.reaches_back(l2(6)) && tiers.recent.reaches_back(l2(7)));
}

#[test]
fn an_unknown_sku_becomes_known_through_the_feed() {
    let tiers = Tiers::new(10, 1);
    let load = tiers.began();
    let entry = tiers.l1.fill(&sku("new"), Stock::default(), load, at(1)).unwrap();
    assert!(!entry.stock.known());
    tiers.intake.apply(0, 0, SkuChange::Item(item("new")));
    assert!(tiers.l1.get("new").unwrap().stock.known());
}

/// The load found no such SKU; the item is created while the answer travels, and the answer arrives last.
#[test]
fn a_load_that_found_no_such_sku_does_not_hide_one_created_since() {
    let tiers = Tiers::new(100, 1);
    let load = tiers.began();
    tiers.create(0, "a");
    assert_eq!(tiers.fill("a", 0, load, 10), Some(1));
    assert_eq!((tiers.held("a"), tiers.l1.len_now()), (Some(1), (1, 0)));
    // The item is evicted, and the load was made twice: the item is still known.
    let late = tiers.began();
    tiers.l1.evict(&sku("a"));
    assert_eq!(tiers.fill("a", 0, late, 10), Some(1), "the feed has not been forgotten");
}

/// A load that began before the oldest tick of `recent` is ignored, whatever it found.
#[test]
fn a_load_that_found_no_such_sku_is_made_again_when_recent_has_moved_on() {
    let tiers = Tiers::new(1, 1);
    let load = tiers.began();
    tiers.create(0, "a");
    tiers.feed(1, "b", 1); // pushes out a
    assert_eq!(tiers.fill("a", 0, load, 10), None);
}

/// A created SKU is known at once and no longer among the unknown names; when it is deleted, it returns to them.
#[test]
fn what_is_created_and_deleted_changes_places() {
    let tiers = Tiers::new(100, 1);
    assert_eq!(tiers.fill("a", 0, tiers.began(), 10), Some(0));
    assert_eq!((tiers.held("a"), tiers.l1.len_now()), (Some(0), (0, 1)));
    tiers.create(0, "a");
    assert_eq!((tiers.held("a"), tiers.l1.len_now()), (Some(1), (1, 0)));
    let deleted = Item { deleted: true, version: Version::new(1, 2), ..item("a") };
    tiers.intake.apply(0, 1, SkuChange::Item(deleted));
    assert_eq!((tiers.held("a"), tiers.l1.len_now()), (Some(0), (0, 1)));
    tiers.intake.apply(0, 2, SkuChange::Item(Item { version: Version::new(1, 3), ..item("a") }));
    assert_eq!((tiers.held("a"), tiers.l1.len_now()), (Some(1), (1, 0)));
}

/// Made-up names evict nothing from L1, and nothing from `recent` that loads under way need.
#[test]
fn names_that_are_made_up_push_out_nothing() {
    let config = CacheConfig { entries: 100, unknown_entries: 50, ..CacheConfig::default() };
    let recent = Arc::new(Recent::new(100));
    let l1 = L1::new(&config, recent.clone());
    let began = || LoadSource::Origin { began: recent.tick() };
    let load = began();
    for number in 0..100 {
        let name = format!("sku-{number}");
        l1.fill(&sku(&name), stock(&name, 1), began(), at(10)).unwrap();
    }
    for number in 0..10_000 {
        l1.fill(&sku(&format!("none-{number}")), Stock::default(), began(), at(10)).unwrap();
    }
    let (known, unknown) = l1.len_now();
    assert!(known == 100 && unknown <= 50, "{known} SKUs and {unknown} names");
    assert!((0..100).all(|number| l1.get(&format!("sku-{number}")).is_some()));
    assert!(recent.len() == 100 && recent.reaches_back(load), "loads under way count as before");
}

/// Readers of a SKU that is created, and forgotten by L1 again and again, while slow loads that found nothing land.
#[test]
fn under_threads_no_reader_misses_a_sku_that_was_there() {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
    for _ in 0..200 {
        let tiers = Tiers::new(100, 1);
        let (truth, over, applied) = (AtomicU64::new(0), AtomicBool::new(false), AtomicBool::new(false));
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
            scope.spawn(|| {
                while !over.load(SeqCst) {
                    let there = applied.load(SeqCst);
                    let shown = tiers.held("a");
                    assert!(!there || shown != Some(0), "it was there already");
                    tiers.l1.evict(&sku("a"));
                }
            });
            std::thread::yield_now();
            truth.store(1, SeqCst);
            tiers.create(0, "a");
            applied.store(true, SeqCst);
            for _ in 0..20 {
                std::thread::yield_now();
            }
            over.store(true, SeqCst);
        });
    }
}

/// The same with threads: a feed, slow loads, evictions, and readers with their thread caches. No reader ever sees a
/// lower version than any reader has seen, or than the feed had applied before.
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
            tiers.recent.drop_passed(at(seq));
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
