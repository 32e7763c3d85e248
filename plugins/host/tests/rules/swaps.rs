//! Releases swap under load: no call fails for it, and no answer is made by two releases.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
};

use crate::support::*;

const SWAPS: u32 = 200;

#[test]
fn two_hundred_releases_swap_under_load() {
    let component = built("hostile-ranking");
    let ranks = |swap: u32| format!("config.ranks = \"eu-1={swap},eu-2={swap}\"");
    let folder = Folder::new().add("first", &component, &ranks(0)).add("second", &component, &ranks(0));
    let rules = folder.load();
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut last = 0;
                while !stop.load(Relaxed) {
                    let pinned = rules.pinned();
                    let first = pinned.rank("first", &ten_asked()).expect("a swap failed a call");
                    let second = pinned.rank("second", &ten_asked()).expect("a swap failed a call");
                    assert_eq!(first, second, "one answer by two sets of releases");
                    let rank = first[0].unwrap();
                    assert!(rank >= last, "an older release came back");
                    last = rank;
                    calls.fetch_add(1, Relaxed);
                }
            });
        }
        for swap in 1..=SWAPS {
            folder.put("first.toml", ranks(swap).as_bytes());
            folder.put("second.toml", ranks(swap).as_bytes());
            let before = calls.load(Relaxed);
            rules.reload().unwrap();
            eventually(|| (calls.load(Relaxed) > before).then_some(()));
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(rules.release(), u64::from(SWAPS) + 1);
    let last = i32::try_from(SWAPS).unwrap();
    assert_eq!(rules.rank("first", &ten_asked()).unwrap(), [Some(last), Some(last)]);
    assert!(calls.load(Relaxed) >= u64::from(SWAPS));
}
