use onhand_wire::{Fact, Item, LocationId, Timestamp, Version};

use super::*;

thread_local! {
    /// How often this thread compared two subscribers.
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

fn on_hand(update: &Update) -> Vec<i64> {
    update.entry.stock.facts.iter().map(|fact| fact.on_hand).collect()
}

/// A load of older facts meets a change that came after it began, on either side of the seed.
#[test]
fn a_change_between_watching_and_seeding_is_in_the_seed() {
    let subscriptions = Arc::new(Subscriptions::default());
    let subscription = subscriptions.subscribe(&[sku()]);
    let generation = subscription.generation();
    subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", 4, Version::new(1, 2))));
    assert!(subscription.next().is_none(), "nothing is pushed of half a SKU");
    let loaded = stock(vec![fact("eu-1", 5, Version::new(1, 1)), fact("eu-2", 7, Version::new(1, 1))]);
    let seeded = subscription.seed(0, &loaded, generation).unwrap();
    assert_eq!(on_hand(&seeded), [4, 7]);
    subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", 5, Version::new(1, 1))));
    assert!(subscription.next().is_none(), "an older fact changes nothing");
    subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", 3, Version::new(1, 3))));
    let update = subscription.next().unwrap();
    assert_eq!((on_hand(&update), update.serial > seeded.serial), (vec![3, 7], true));
}

#[test]
fn a_slow_subscriber_holds_nothing_and_holds_nobody_up() {
    let subscriptions = Arc::new(Subscriptions::default());
    let (slow, quick) = (subscriptions.subscribe(&[sku()]), subscriptions.subscribe(&[sku()]));
    for subscription in [&slow, &quick] {
        subscription.seed(0, &stock(Vec::new()), subscription.generation()).unwrap();
    }
    for change in 0..=limits::STREAM_BACKLOG as u64 {
        subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", 1, Version::new(1, change + 1))));
        assert!(quick.next().is_some());
    }
    assert!(slow.overflowed() && slow.next().is_none() && slow.backlog() == 0);
    assert!(!quick.overflowed());
    subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", 1, Version::new(1, 1000))));
    assert_eq!((slow.backlog(), quick.backlog()), (0, 1));
    drop((slow, quick));
    assert!(subscriptions.skus().is_empty(), "nobody subscribes to it");
}

#[test]
fn after_a_restart_only_what_is_loaded_later_counts() {
    let subscriptions = Arc::new(Subscriptions::default());
    let subscription = subscriptions.subscribe(&[sku()]);
    let before = subscription.generation();
    let old = stock(vec![fact("eu-1", 5, Version::new(1, 9)), fact("gone", 1, Version::new(1, 9))]);
    subscription.seed(0, &old, before).unwrap();
    subscriptions.begin_history(2);
    assert!(subscription.seed(0, &old, before).is_none(), "its load began before");
    subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", 4, Version::new(2, 3))));
    let mut new = stock(vec![fact("eu-1", 6, Version::new(2, 2))]);
    new.item.as_mut().unwrap().version = Version::new(2, 1);
    let seeded = subscription.seed(0, &new, subscription.generation()).unwrap();
    assert_eq!(on_hand(&seeded), [4], "nothing of the lost history is left");
}

fn compared(work: impl FnOnce()) -> u64 {
    let before = COMPARED.get();
    work();
    COMPARED.get() - before
}

/// Three thousand streams that closed at the same time used to stall lookups for seconds, because each one that left
/// searched all others.
#[test]
fn what_coming_and_leaving_cost_does_not_grow_with_the_subscribers() {
    const SUBSCRIBERS: u64 = 3000;
    let subscriptions = Arc::new(Subscriptions::default());
    let mut held = Vec::new();
    let came = compared(|| held.extend((0..SUBSCRIBERS).map(|_| subscriptions.subscribe(&[sku()]))));
    // In order, so that a list would be searched and moved to its end each time.
    let left = compared(|| held.drain(..).for_each(drop));
    // A hash table compares an entry with the one it looks for, and now and then with a neighbour.
    assert!(came <= 2 * SUBSCRIBERS && left <= 2 * SUBSCRIBERS, "{came} comparisons to come, {left} to leave");
    assert!(subscriptions.skus().is_empty(), "nobody subscribes to it");
}

/// Every one of many subscribers gets each change and is woken, by whichever thread.
#[tokio::test]
async fn many_subscribers_get_each_change_and_are_woken() {
    let subscriptions = Arc::new(Subscriptions::default());
    let held: Vec<Subscription> = (0..1000).map(|_| subscriptions.subscribe(&[sku()])).collect();
    for subscription in &held {
        subscription.seed(0, &stock(Vec::new()), subscription.generation()).unwrap();
    }
    for change in 1..=3 {
        subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", change as i64, Version::new(1, change))));
    }
    for subscription in &held {
        subscription.updated().await;
        assert_eq!((subscription.backlog(), on_hand(&subscription.next().unwrap())), (3, vec![1]));
    }
    while held.iter().any(|subscription| subscription.next().is_some()) {}
    subscriptions.publish(&sku(), |stock| stock.join_fact(fact("eu-1", 4, Version::new(1, 4))));
    for subscription in &held {
        subscription.updated().await;
        assert_eq!(on_hand(&subscription.next().unwrap()), [4]);
    }
}

/// While a change is pushed to the subscribers of one SKU, nobody else waits.
#[test]
fn a_push_of_one_sku_holds_up_no_other() {
    let subscriptions = Arc::new(Subscriptions::default());
    let (_one, other) = (subscriptions.subscribe(&[sku()]), Sku::new("b").unwrap());
    let one = subscriptions.skus()[&sku()].sku.clone();
    let _being_pushed = one.lock().unwrap();
    let subscription = subscriptions.subscribe(std::slice::from_ref(&other));
    subscription.seed(0, &Stock::default(), subscription.generation()).unwrap();
    subscriptions
        .publish(&other, |stock| stock.join_fact(Fact { sku: other.clone(), ..fact("eu-1", 1, Version::new(1, 1)) }));
    assert_eq!(on_hand(&subscription.next().unwrap()), [1]);
}
