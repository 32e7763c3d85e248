//! Counts, adjustments, transfers, items, the ledger.

use onhand_origin::{
    answer::answer_all,
    command::{Ask, Command},
    store::{Needs, Store, StoreError},
};
use onhand_rules::Rules;
use onhand_wire::{Code, Problem, Sku, bulk::LoadFacts};
use serde_json::{Value, json};

use crate::{
    search::query,
    shop::{Shop, sku},
};

async fn attempt(shop: &Shop, command: Command) -> Result<Value, Problem> {
    let ask = shop.ask("/", &json!(format!("{command:?}")), command);
    shop.run(ask).await.map(|answer| serde_json::from_str(&answer.body).unwrap())
}

fn set(body: Value) -> Command {
    Command::SetStock(sku("x"), serde_json::from_value(body).unwrap())
}

fn adjust(delta: i64) -> Command {
    let body = json!({"location": "a", "delta": delta, "kind": "damaged", "reason": "r"});
    Command::Adjust(sku("x"), serde_json::from_value(body).unwrap())
}

fn transfer(quantity: i64) -> Command {
    let body = json!({"sku": "x", "from": "a", "to": "b", "quantity": quantity, "reason": "r"});
    Command::Transfer(serde_json::from_value(body).unwrap())
}

async fn stocked(shop: &Shop) {
    shop.location("a", 1, json!({})).await;
    shop.location("b", 2, json!({})).await;
    shop.count("x", "a", 10).await;
}

pub(crate) async fn counts_adjustments_and_transfers(shop: Shop) {
    stocked(&shop).await;
    let version = shop.fact("x", "a").await.version.to_string();
    let stale = json!({"location": "a", "quantity": 1, "reason": "r", "expected_version": "1.999"});
    let problem = attempt(&shop, set(stale)).await.unwrap_err();
    assert_eq!(
        (problem.code, &problem.members["version"], &problem.members["on_hand"]),
        (Code::VersionMismatch, &json!(version), &json!(10))
    );
    let good =
        json!({"location": "a", "quantity": 12, "reason": "r", "expected_version": version, "expected_on_hand": 10});
    assert_eq!(attempt(&shop, set(good)).await.unwrap()["facts"][0]["on_hand"], 12);
    assert_eq!(attempt(&shop, adjust(-13)).await.unwrap_err().code, Code::InsufficientStock);
    assert_eq!(attempt(&shop, adjust(-2)).await.unwrap()["on_hand"], 10);
    shop.hold_one("x", 4).await.unwrap();
    let problem = attempt(&shop, transfer(7)).await.unwrap_err();
    assert_eq!((problem.code, &problem.members["lines"][0]["available"]), (Code::InsufficientStock, &json!(6)));
    attempt(&shop, transfer(6)).await.unwrap();
    assert_eq!((shop.fact("x", "a").await.on_hand, shop.fact("x", "b").await.on_hand), (4, 6));
    let nowhere = json!({"location": "mars", "quantity": 1, "reason": "r"});
    assert_eq!(attempt(&shop, set(nowhere)).await.unwrap_err().code, Code::UnknownLocation);
    shop.agrees().await;
}

pub(crate) async fn versions_rise_over_deletion(shop: Shop) {
    stocked(&shop).await;
    let before = shop.fact("x", "a").await;
    attempt(&shop, Command::DeleteItem(sku("x"))).await.unwrap();
    let gone = shop.fact("x", "a").await;
    assert!(gone.deleted && gone.version > before.version && gone.on_hand == 0);
    assert_eq!(shop.hold_one("x", 1).await.unwrap_err().code, Code::UnknownSku);
    shop.count("x", "a", 3).await;
    let back = shop.fact("x", "a").await;
    assert!(!back.deleted && back.version > gone.version);
    shop.agrees().await;
}

pub(crate) async fn an_item_in_use_is_not_deleted(shop: Shop) {
    stocked(&shop).await;
    let held = shop.hold_one("x", 1).await.unwrap();
    assert_eq!(attempt(&shop, Command::DeleteItem(sku("x"))).await.unwrap_err().code, Code::InUse);
    shop.verb(held.id, "cancel", json!({})).await.unwrap();
    attempt(&shop, Command::DeleteItem(sku("x"))).await.unwrap();
}

pub(crate) async fn the_ledger_adds_up(shop: Shop) {
    stocked(&shop).await;
    attempt(&shop, adjust(-3)).await.unwrap();
    let held = shop.hold_one("x", 2).await.unwrap();
    let lines = shop.store.ledger(&sku("x"), None, None, 10).await.unwrap();
    let newest = &lines[0];
    assert_eq!((newest.kind.as_str(), newest.reservation, newest.actor.as_str()), ("hold", Some(held.id), "tester"));
    assert_eq!((newest.before.reserved, newest.after.reserved), (0, 2));
    assert_eq!((lines[1].kind.as_str(), lines[1].before.on_hand, lines[1].after.on_hand), ("damaged", 10, 7));
    let older = shop.store.ledger(&sku("x"), None, Some(newest.id), 1).await.unwrap();
    assert_eq!(older[0].id, lines[1].id);
    shop.agrees().await;
}

pub(crate) async fn maintenance_stops_writes_only(shop: Shop) {
    stocked(&shop).await;
    let on = |on: bool| {
        Command::Maintain(serde_json::from_value(json!({"maintenanceMode": on, "message": "back at 9"})).unwrap())
    };
    shop.done(on(true)).await;
    let problem = shop.hold_one("x", 1).await.unwrap_err();
    assert_eq!((problem.code, &problem.members["message"]), (Code::Maintenance, &json!("back at 9")));
    assert_eq!(shop.facts("x").await.len(), 1, "reads go on");
    shop.done(on(false)).await;
    shop.hold_one("x", 1).await.unwrap();
}

/// A new item has no row to lock: whoever is overtaken begins again, and comes second.
pub(crate) async fn two_batches_make_the_same_items(shop: Shop) {
    let names: Vec<_> = (0..50).map(|number| sku(&format!("n{number:02}"))).collect();
    let mut overtaken = 0;
    for _ in 0..20 {
        let (mine, theirs) = tokio::join!(make(&shop, &names, "mine"), make(&shop, &names, "theirs"));
        overtaken += mine + theirs;
        let made = shop.store.load_facts(&LoadFacts { skus: names.clone(), ..LoadFacts::default() }).await.unwrap();
        let seqs: Vec<u64> = made.stocks.iter().map(|stock| stock.item.as_ref().unwrap().version.seq()).collect();
        assert_eq!(seqs, [2; 50]);
        shop.sql("DELETE FROM products").await.unwrap();
    }
    assert!(overtaken > 0 || !shop.is_postgres(), "they never met");
}

/// How often it was overtaken before it had made them.
async fn make(shop: &Shop, names: &[Sku], name: &str) -> u32 {
    let rules = Rules::none();
    let item = |sku: &Sku| Command::PutItem(sku.clone(), serde_json::from_value(json!({"name": name})).unwrap());
    let asks: Vec<Ask> = names.iter().map(|sku| shop.ask("/", &json!(sku), item(sku))).collect();
    let asks: Vec<&Ask> = asks.iter().collect();
    let mut times = 0;
    loop {
        let needs = Needs { skus: names.iter().cloned().collect(), ..Needs::default() };
        match shop.store.batch(needs, &mut |state| drop(answer_all(state, &asks, &rules))).await {
            Ok(_) => return times,
            Err(StoreError::Overtaken(_)) => times += 1,
            Err(error) => panic!("{error}"),
        }
    }
}

/// PostgreSQL takes a long batch's new rows another way than a short one's.
pub(crate) async fn a_batch_of_many_is_written_as_a_short_one_is(shop: Shop) {
    const MANY: i64 = 700;
    shop.location("a", 1, json!({})).await;
    let asks = |command: &dyn Fn(i64) -> Command| -> Vec<Ask> {
        (0..MANY).map(|number| shop.ask("/", &json!(number), command(number))).collect()
    };
    let name = |number: i64| sku(&format!("n{number:03}"));
    let item = json!({"name": "it's\n\t\\N Größe T-LIGHT", "brand": "Æther", "attributes": {"size": "4\" × 2", "a": "b"},
        "price": {"amount": 1250, "currency": "EUR"}});
    let put = |number| Command::PutItem(name(number), serde_json::from_value(item.clone()).unwrap());
    let set = |number, more: i64| {
        let body = json!({"location": "a", "quantity": number + more, "reason": "Zählung"});
        Command::SetStock(name(number), serde_json::from_value(body).unwrap())
    };
    let policy = |number| {
        let body = json!({"location": "a", "safety_stock": 3, "backorder_limit": number, "low_stock_at": 5, "restock_at": "2027-01-31"});
        Command::SetPolicy(name(number), serde_json::from_value(body).unwrap())
    };
    for outcome in shop.batch(&[asks(&put), asks(&|n| set(n, 0)), asks(&policy)].concat()).await {
        outcome.unwrap();
    }
    let row = shop.fact("n600", "a").await;
    assert_eq!((row.on_hand, row.safety_stock, row.backorder_limit, row.low_stock_at), (600, 3, 600, 5));
    assert_eq!(row.restock_at.unwrap().as_str(), "2027-01-31");
    let lines = shop.store.ledger(&name(600), None, None, 10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.kind.as_str()).collect::<Vec<_>>(), ["policy", "set"]);
    assert_eq!(
        (lines[1].after.on_hand, lines[1].reason.as_deref(), &*lines[1].actor),
        (600, Some("Zählung"), "tester")
    );
    shop.agrees().await;

    written_alone_it_is_the_same(&shop, "n600", item.clone()).await;

    let refuse = "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
        CREATE TRIGGER no BEFORE INSERT ON ledger FOR EACH ROW WHEN (new.sku = 'n600') EXECUTE FUNCTION no()";
    if shop.is_postgres() {
        shop.sql(refuse).await.unwrap();
        let needs = Needs { skus: (0..MANY).map(name).collect(), ..Needs::default() };
        let asks = asks(&|n| set(n, 1));
        let (refs, rules): (Vec<&Ask>, _) = (asks.iter().collect(), Rules::none());
        let refused = shop.store.batch(needs, &mut |state| drop(answer_all(state, &refs, &rules))).await;
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
        assert_eq!(shop.fact("n000", "a").await.on_hand, 0, "nothing of it is left");
        shop.sql("DROP TRIGGER no ON ledger").await.unwrap();
    }
    for outcome in shop.batch(&asks(&|n| set(n, 1))).await {
        outcome.unwrap();
    }
    assert_eq!(shop.fact("n600", "a").await.on_hand, 601);
    shop.agrees().await;
}

/// An item of a long batch beside one that a batch of its own wrote.
async fn written_alone_it_is_the_same(shop: &Shop, long: &str, item: Value) {
    shop.done(Command::PutItem(sku("short"), serde_json::from_value(item).unwrap())).await;
    let [long, short] = [long, "short"].map(|sku| query(&format!("t-light ÆTHER größe it's {sku}")));
    let [long, short] = [shop.store.products(&long).await.unwrap(), shop.store.products(&short).await.unwrap()];
    assert_eq!((long.len(), short.len()), (1, 1));
    assert_eq!((&long[0].name, &long[0].brand), (&short[0].name, &short[0].brand));
    assert_eq!((&long[0].attributes, &long[0].price), (&short[0].attributes, &short[0].price));
    if shop.is_postgres() {
        shop.sql("DO $$ BEGIN ASSERT (SELECT count(DISTINCT ts_delete(search, sku)) = 1 FROM products); END $$")
            .await
            .unwrap();
    }
}

/// The server itself waits for a COPY's rows for ever.
pub(crate) async fn an_origin_that_stands_still_in_a_copy_loses_its_locks(shop: Shop) {
    if !shop.is_postgres() {
        return;
    }
    stocked(&shop).await;
    let config: tokio_postgres::Config = shop.url().parse().unwrap();
    let (frozen, connection) =
        config.clone().application_name("onhand-origin").connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    frozen.batch_execute("BEGIN; SELECT FROM products WHERE sku = 'x' FOR UPDATE").await.unwrap();
    let copy: tokio_postgres::CopyInSink<&[u8]> = frozen.copy_in("COPY ledger (id) FROM STDIN").await.unwrap();

    let store = shop.postgres_store_within(std::time::Duration::from_millis(500));
    let mut refused = 0;
    let done = loop {
        let needs = Needs { skus: [sku("x")].into(), ..Needs::default() };
        match store.batch(needs, &mut |_| ()).await {
            Err(StoreError::Locked(_)) if refused < 20 => refused += 1,
            done => break done,
        }
        drop(store.locked(&[sku("x")].into()).await);
    };
    assert!(refused > 0 && done.is_ok(), "{refused} {done:?}");
    drop(copy);
    assert!(frozen.batch_execute("SELECT 1").await.is_err(), "its session is gone");
}
