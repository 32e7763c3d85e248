use onhand_wire::{Fact, Item, LocationId, Timestamp, Version};

use super::*;

thread_local! {
    /// How often two readers were compared by this thread.
    pub(super) static COMPARED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn sku() -> Sku {
    Sku::new("a").unwrap()
}

fn fact(location: &str, on_hand: i64, version: Version) -> Fact {
    Fact {
        sku: sku(),
        location: LocationId::new(location).unwrap(),
        on_hand,
        reserved: 0,
        safety_stock: 0,
        backorder_limit: 0,
        low_stock_at: 0,
        restock_at: None,
        version,
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

fn stock(facts: Vec<Fact>) -> Stock {
    let item = Item {
        sku: sku(),
        name: String::new(),
        brand: None,
        attributes: Default::default(),
        price: None,
        active: true,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    };
    Stock { item: Some(item), facts }
}

fn on_hand(told: &Told) -> Vec<i64> {
    told.entry.stock.facts.iter().map(|fact| fact.on_hand).collect()
}

/// A load of older facts meets a change that came after it began, on either side of the seed.
#[test]
fn a_change_between_watching_and_seeding_is_in_the_seed() {
    let watches = Arc::new(Watches::default());
    let watch = watches.watch(&[sku()]);
    let generation = watch.generation();
    watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", 4, Version::new(1, 2))));
    assert!(watch.next().is_none(), "of half a SKU nothing is told");
    let loaded = stock(vec![fact("eu-1", 5, Version::new(1, 1)), fact("eu-2", 7, Version::new(1, 1))]);
    let seeded = watch.seed(0, &loaded, generation).unwrap();
    assert_eq!(on_hand(&seeded), [4, 7]);
    watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", 5, Version::new(1, 1))));
    assert!(watch.next().is_none(), "an older fact changes nothing");
    watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", 3, Version::new(1, 3))));
    let told = watch.next().unwrap();
    assert_eq!((on_hand(&told), told.serial > seeded.serial), (vec![3, 7], true));
}

#[test]
fn a_reader_left_behind_holds_nothing_and_nobody_up() {
    let watches = Arc::new(Watches::default());
    let (slow, quick) = (watches.watch(&[sku()]), watches.watch(&[sku()]));
    for watch in [&slow, &quick] {
        watch.seed(0, &stock(Vec::new()), watch.generation()).unwrap();
    }
    for change in 0..=limits::STREAM_BACKLOG as u64 {
        watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", 1, Version::new(1, change + 1))));
        assert!(quick.next().is_some());
    }
    assert!(slow.overrun() && slow.next().is_none() && slow.behind() == 0);
    assert!(!quick.overrun());
    watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", 1, Version::new(1, 1000))));
    assert_eq!((slow.behind(), quick.behind()), (0, 1));
    drop((slow, quick));
    assert!(watches.list().is_empty(), "nobody watches it");
}

#[test]
fn after_a_restart_only_what_is_loaded_later_counts() {
    let watches = Arc::new(Watches::default());
    let watch = watches.watch(&[sku()]);
    let before = watch.generation();
    let old = stock(vec![fact("eu-1", 5, Version::new(1, 9)), fact("gone", 1, Version::new(1, 9))]);
    watch.seed(0, &old, before).unwrap();
    watches.begin_history(2);
    assert!(watch.seed(0, &old, before).is_none(), "its load began before");
    watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", 4, Version::new(2, 3))));
    let mut new = stock(vec![fact("eu-1", 6, Version::new(2, 2))]);
    new.item.as_mut().unwrap().version = Version::new(2, 1);
    let seeded = watch.seed(0, &new, watch.generation()).unwrap();
    assert_eq!(on_hand(&seeded), [4], "nothing of the lost history is left");
}

fn compared(work: impl FnOnce()) -> u64 {
    let before = COMPARED.get();
    work();
    COMPARED.get() - before
}

/// Three thousand streams that closed at once once stalled lookups for seconds: each leaving looked at all others.
#[test]
fn what_coming_and_leaving_cost_does_not_grow_with_the_readers() {
    const READERS: u64 = 3000;
    let watches = Arc::new(Watches::default());
    let mut held = Vec::new();
    let came = compared(|| held.extend((0..READERS).map(|_| watches.watch(&[sku()]))));
    // From the first on, so that a list would be walked and moved to its end each time.
    let left = compared(|| held.drain(..).for_each(drop));
    // A hash table compares an entry with the one it looks for, and now and then with a neighbour.
    assert!(came <= 2 * READERS && left <= 2 * READERS, "{came} comparisons to come, {left} to leave");
    assert!(watches.list().is_empty(), "nobody watches it");
}

/// Every one of many readers is told each change, and woken, by whichever thread.
#[tokio::test]
async fn a_crowd_of_readers_is_told_and_woken() {
    let watches = Arc::new(Watches::default());
    let held: Vec<Watch> = (0..1000).map(|_| watches.watch(&[sku()])).collect();
    for watch in &held {
        watch.seed(0, &stock(Vec::new()), watch.generation()).unwrap();
    }
    for change in 1..=3 {
        watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", change as i64, Version::new(1, change))));
    }
    for watch in &held {
        watch.woken().await;
        assert_eq!((watch.behind(), on_hand(&watch.next().unwrap())), (3, vec![1]));
    }
    while held.iter().any(|watch| watch.next().is_some()) {}
    watches.came(&sku(), |stock| stock.join_fact(fact("eu-1", 4, Version::new(1, 4))));
    for watch in &held {
        watch.woken().await;
        assert_eq!(on_hand(&watch.next().unwrap()), [4]);
    }
}

/// While a SKU's readers are being told, nobody else waits.
#[test]
fn who_is_told_of_one_sku_holds_up_no_other() {
    let watches = Arc::new(Watches::default());
    let (_one, other) = (watches.watch(&[sku()]), Sku::new("b").unwrap());
    let told = watches.list()[&sku()].watched.clone();
    let _being_told = told.lock().unwrap();
    let watch = watches.watch(std::slice::from_ref(&other));
    watch.seed(0, &Stock::default(), watch.generation()).unwrap();
    watches.came(&other, |stock| stock.join_fact(Fact { sku: other.clone(), ..fact("eu-1", 1, Version::new(1, 1)) }));
    assert_eq!(on_hand(&watch.next().unwrap()), [1]);
}
