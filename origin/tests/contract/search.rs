//! Product search against a naive filter; pages under writes; plans at 200,000 items.

use std::{collections::BTreeMap, time::Instant};

use onhand_origin::{
    command::Command,
    store::{ProductQuery, Store},
};
use onhand_wire::Item;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use crate::shop::{Shop, sku};

const WORDS: [&str; 16] = [
    "red",
    "RED,",
    "Réd",
    "T-LIGHT",
    "light",
    "holder",
    "it's",
    "100%",
    "a_b",
    "back\\slash",
    "🎄",
    "(x)",
    "fox's:*",
    "&",
    "!not",
    "ÖL",
];
const BRANDS: [&str; 4] = ["Ångström", "O'Neill & Co", "red", "%"];
const SKUS: [&str; 5] = ["DOT COM/", "r-", "É", "22", "red"];

async fn put(shop: &Shop, name: &str, body: Value) {
    shop.done(Command::PutItem(sku(name), serde_json::from_value(body).unwrap())).await;
}

async fn fill(shop: &Shop, dice: &mut StdRng, count: usize) {
    for number in 0..count {
        let some: Vec<&str> = (0..dice.random_range(1..4)).map(|_| *WORDS.choose(dice).unwrap()).collect();
        let mut body = json!({"name": some.join(" "), "attributes": {"size": dice.random_range(0..3).to_string()}});
        if dice.random_bool(0.7) {
            body["brand"] = (*BRANDS.choose(dice).unwrap()).into();
        }
        if dice.random_bool(0.7) {
            body["price"] = json!({"amount": dice.random_range(0..20), "currency": "GBP"});
        }
        put(shop, &format!("{}{number}", SKUS.choose(dice).unwrap()), body).await;
    }
}

pub(crate) fn query(q: &str) -> ProductQuery {
    let words = q.to_lowercase().split_whitespace().map(str::to_owned).collect();
    ProductQuery { words, limit: 500, ..ProductQuery::default() }
}

fn random(dice: &mut StdRng) -> ProductQuery {
    let mut begun = String::new();
    for _ in 0..dice.random_range(0..3) {
        let word = if dice.random_bool(0.3) { SKUS.choose(dice) } else { WORDS.choose(dice) }.unwrap();
        begun += " ";
        begun.extend(word.chars().take(dice.random_range(1..5)));
    }
    let mut query = query(&begun);
    query.brand = dice.random_bool(0.2).then(|| (*BRANDS.choose(dice).unwrap()).to_owned());
    if dice.random_bool(0.2) {
        query.attributes.push(("size".to_owned(), dice.random_range(0..4).to_string()));
    }
    query.min_price = dice.random_bool(0.2).then(|| dice.random_range(0..20));
    query.max_price = dice.random_bool(0.2).then(|| dice.random_range(0..20));
    query
}

/// What the contract says, word for word.
fn matches(item: &Item, query: &ProductQuery) -> bool {
    let mut words = vec![item.sku.as_str().to_lowercase()];
    for text in [Some(&item.name), item.brand.as_ref()].into_iter().flatten() {
        let text = text.to_lowercase();
        words.extend(text.split_whitespace().map(str::to_owned));
        words.extend(text.split(|letter: char| !letter.is_alphanumeric()).map(str::to_owned));
    }
    let price = item.price.as_ref().map(|price| price.amount);
    query.words.iter().all(|begun| words.iter().any(|word| word.starts_with(begun.as_str())))
        && query.brand.as_ref().is_none_or(|brand| item.brand.as_ref() == Some(brand))
        && query.attributes.iter().all(|(name, text)| item.attributes.get(name) == Some(text))
        && query.min_price.is_none_or(|least| price.is_some_and(|price| price >= least))
        && query.max_price.is_none_or(|most| price.is_some_and(|price| price <= most))
}

async fn pages(shop: &Shop, query: &ProductQuery, limit: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let page = ProductQuery { limit, after: found.last().cloned(), ..query.clone() };
        let items = shop.store.products(&page).await.unwrap();
        found.extend(items.iter().map(|item| item.sku.to_string()));
        if items.len() < limit {
            return found;
        }
    }
}

pub(crate) async fn searches_find_what_a_naive_filter_finds(shop: Shop) {
    let seed: u64 = std::env::var("ONHAND_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("ONHAND_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    fill(&shop, &mut dice, 150).await;
    put(&shop, "gone", json!({"name": "red light"})).await;
    shop.done(Command::DeleteItem(sku("gone"))).await;
    let all = shop.store.products(&query("")).await.unwrap();
    assert_eq!(all.len(), 150, "a deleted item is not found");
    let mut hits = 0;
    for _ in 0..150 {
        let query = random(&mut dice);
        let naive: Vec<String> =
            all.iter().filter(|item| matches(item, &query)).map(|item| item.sku.to_string()).collect();
        let limit = dice.random_range(1..60);
        assert_eq!(pages(&shop, &query, limit).await, naive, "{query:?}, pages of {limit}");
        hits += naive.len();
    }
    assert!(hits > 500, "the queries hit something: {hits}");
}

/// Items that stay are found once each, whatever comes, goes and changes between the pages.
pub(crate) async fn pages_neither_repeat_nor_miss(shop: Shop) {
    for number in 0..60 {
        put(&shop, &format!("s{number:03}"), json!({"name": "stays here"})).await;
    }
    let (mut found, mut turn) = (Vec::<String>::new(), 0);
    loop {
        let page = ProductQuery { limit: 7, after: found.last().cloned(), ..query("sta") };
        let items = shop.store.products(&page).await.unwrap();
        found.extend(items.iter().map(|item| item.sku.to_string()));
        if items.len() < 7 {
            break;
        }
        turn += 1;
        put(&shop, &format!("s{:03}a", turn * 11 % 60), json!({"name": "stays not long"})).await;
        put(&shop, &format!("s{:03}", turn * 7 % 60), json!({"name": "stays here, renamed"})).await;
        if turn > 1 {
            shop.done(Command::DeleteItem(sku(&format!("s{:03}a", (turn - 1) * 11 % 60)))).await;
        }
    }
    let mut counts = BTreeMap::<&str, usize>::new();
    found.iter().for_each(|sku| *counts.entry(sku).or_default() += 1);
    assert!(counts.values().all(|count| *count == 1), "none twice: {counts:?}");
    let stayed = (0..60).all(|number| counts.contains_key(format!("s{number:03}").as_str()));
    assert!(stayed && found.is_sorted(), "all that stayed, in order: {found:?}");
}

pub(crate) async fn odd_words_are_only_words(shop: Shop) {
    put(&shop, "odd", json!({"name": "it's 100% a_b back\\slash 🎄 x:* (y) !z &amp \"q\""})).await;
    put(&shop, "plain", json!({"name": "its 100 aXb"})).await;
    for found in ["it's", "100%", "a_b", "back\\", "🎄", "x:*", "(y", "!z", "&", "\"q\"", "IT'S 🎄", "odd"] {
        assert_eq!(pages(&shop, &query(found), 10).await, ["odd"], "{found}");
    }
    for none in ["'", "%", "_", "\\", "a_b_", "x:*:*", "''", "it''s", ":*", "| odd", "<->", "🎄🎄"] {
        assert_eq!(pages(&shop, &query(none), 10).await, [""; 0], "{none}");
    }
    let long = ProductQuery { words: vec!["x".repeat(768)], limit: 10, ..ProductQuery::default() };
    assert!(shop.store.products(&long).await.unwrap().is_empty());
    assert_eq!(pages(&shop, &query("1"), 10).await, ["odd", "plain"]);
}

/// 200,000 items: brands of 0.5 %, words of 100 %, 1 % and 0.002 %, prices up to 20,000.
const MANY: &str = "INSERT INTO products (sku, name, brand, attributes, price, currency, seq, changed_at, search)
    SELECT 'S' || lpad(n::text, 6, '0'), 'many', 'brand' || n % 200,
        jsonb_build_object('size', (n % 5000)::text, 'colour', (n % 3)::text), n % 20000, 'GBP', 1, now(),
        array_to_tsvector(ARRAY['s' || lpad(n::text, 6, '0'), 'many', 'group' || n % 100, 'rare' || n / 5])
    FROM generate_series(0, 199999) n; ANALYZE products";

pub(crate) async fn plans_at_200_000_items(shop: Shop) {
    shop.sql(MANY).await.unwrap();
    let store = shop.postgres_store();
    let with = |change: &dyn Fn(&mut ProductQuery)| {
        let mut query = ProductQuery { limit: 101, ..query("") };
        change(&mut query);
        query
    };
    let attribute = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    // What, the query, how many there are, and whether the second step is needed.
    let cases = [
        ("a word of all", query("many"), 200_000, false),
        ("a word of 1 %", query("group77"), 2_000, true),
        ("a rare word", query("rare39999"), 5, true),
        ("a word of none", query("nothing"), 0, true),
        ("the first letters of a SKU", query("S1999"), 100, true),
        ("a rare and a common word", query("many rare20000"), 5, true),
        ("a brand", with(&|query| query.brand = Some("brand150".to_owned())), 1_000, true),
        ("an attribute", with(&|query| query.attributes = attribute("size", "4999")), 40, true),
        ("a common attribute", with(&|query| query.attributes = attribute("colour", "1")), 66_667, false),
        ("prices", with(&|query| (query.min_price, query.max_price) = (Some(19_990), Some(19_999))), 100, true),
        ("dearer than", with(&|query| query.min_price = Some(19_999)), 10, true),
        ("brand and word", ProductQuery { brand: Some("brand77".to_owned()), ..query("group77") }, 1_000, true),
        ("attribute and word", ProductQuery { attributes: attribute("size", "77"), ..query("group77") }, 40, true),
        (
            "price and brand",
            with(&|query| (query.max_price, query.brand) = (Some(400), Some("brand7".to_owned()))),
            20,
            true,
        ),
        ("the end of the list", ProductQuery { after: Some("S199990".to_owned()), ..query("many") }, 9, true),
    ];
    for (what, query, count, second) in cases {
        let query = ProductQuery { limit: 101, ..query };
        let began = Instant::now();
        let found = store.products(&query).await.unwrap();
        let took = began.elapsed();
        assert_eq!(found.len(), count.min(101), "{what}");
        let plans = store.explain_products(&query).await.unwrap();
        assert!(plans[0].contains("products_pkey"), "{what}: {}", plans[0]);
        assert!(!plans[0].contains("Seq Scan on products"), "{what}: {}", plans[0]);
        if second {
            assert!(!plans[1].contains("Seq Scan on products"), "{what}: {}", plans[1]);
            assert!(plans[1].contains("products_by_") || what.starts_with("the end"), "{what}: {}", plans[1]);
        }
        println!("{what}: {} of {count} in {:.1} ms", found.len(), took.as_secs_f64() * 1e3);
    }
}
