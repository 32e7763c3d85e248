use onhand_wire::{Fact, Item, LocationId, Timestamp, Version};

use super::*;

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
    assert!(watches.lock().skus.is_empty(), "nobody watches it");
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
