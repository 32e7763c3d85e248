//! Rules that rank: several at one channel, merged into one order of its locations.

use onhand_harness::{Client, World};
use serde_json::{Value, json};

use super::{channel, folder, patient};

/// A rule that ranks as it is told, such as `A=0,B=1`, and abstains from the rest.
fn ranks(told: &str) -> String {
    format!("[config]\nranks = {told:?}\n")
}

/// A, B and C with five units each, and these rules.
async fn world(rules: &[(&str, &str)]) -> World {
    let rules: Vec<_> = rules.iter().map(|(name, beside)| ("hostile-ranking", *name, *beside)).collect();
    let world = patient(folder(&rules).path()).await;
    for id in ["A", "B", "C"] {
        world.location(id, 0).await;
        world.stock("x", id, 5).await;
    }
    world
}

/// What serves these lines, and by what; nothing stays held.
async fn serves(shop: &Client, channel: &str, lines: Value) -> (Value, Value) {
    let held = shop.post("/v1/reservations", json!({"lines": lines, "channel": channel})).await.expect(201).json();
    shop.post(&format!("/v1/reservations/{}/cancel", held["id"].as_str().unwrap()), json!({})).await.expect(200);
    let shares = held["lines"].as_array().unwrap().iter().map(|line| {
        let parts = line["allocations"].as_array().unwrap().iter();
        parts.map(|part| json!([part["location"], part["quantity"]])).collect::<Value>()
    });
    (shares.collect(), held["allocated_by"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranks_merge_rule_by_rule_and_a_rule_that_fails_abstains() {
    let (first, second, last) = (ranks("A=0,B=0,C=1"), ranks("A=5,B=1,C=0"), ranks("C=9"));
    let world = world(&[
        ("rank-a", &first),
        ("rank-b", &second),
        ("only-c", &last),
        ("broken", "[config]\nbehaviour = \"rank_short\"\n"),
    ])
    .await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let cases = [
        ("rank-a,rank-b", "rank-a,rank-b", ["B", "A", "C"]),
        ("rank-b,rank-a", "rank-b,rank-a", ["C", "B", "A"]),
        ("rank-b", "rank-b", ["C", "B", "A"]),
        // A tie that nobody breaks keeps the channel's order, which is B, A, C.
        ("rank-a", "rank-a", ["B", "A", "C"]),
        ("only-c", "only-c", ["C", "B", "A"]),
        ("only-c,rank-b", "only-c,rank-b", ["C", "B", "A"]),
        ("broken,rank-b", "rank-b", ["C", "B", "A"]),
        ("rank-a,broken,rank-b", "rank-a,rank-b", ["B", "A", "C"]),
        ("broken", "priority", ["B", "A", "C"]),
    ];
    for (at, (allocation, decided, [one, two, three])) in cases.into_iter().enumerate() {
        let id = format!("case-{at}");
        channel(&world, &id, &["B", "A", "C"], allocation).await;
        let (shares, by) = serves(&shop, &id, json!([{"sku": "x", "quantity": 12}])).await;
        assert_eq!((shares, by), (json!([[[one, 5], [two, 5], [three, 2]]]), json!(decided)), "{allocation}");
    }
    let failures = world.origin(0).metric("rules_failures_total{reason=\"wrong_answer\",rule=\"broken\"}").await;
    assert!(failures.is_some_and(|count| count >= 3.0), "{failures:?}");

    // In the merged order B, A, C: line by line, and all that is available before any backorder.
    let operator = world.origin(0).client(&world.tokens.admin);
    operator.put("/inventory/products/x/policy", json!({"location": "B", "backorder_limit": 9})).await.expect(200);
    channel(&world, "web", &["A", "B", "C"], "rank-a,rank-b").await;
    let lines = json!([
        {"sku": "x", "quantity": 3},
        {"sku": "x", "quantity": 2, "location": "A"},
        {"sku": "x", "quantity": 12},
    ]);
    let wanted = json!([[["B", 3]], [["A", 2]], [["B", 4], ["A", 3], ["C", 5]]]);
    assert_eq!(serves(&shop, "web", lines).await, (wanted, json!("rank-a,rank-b")));
    let named = json!([{"sku": "x", "quantity": 1, "location": "C"}]);
    assert_eq!(serves(&shop, "web", named).await, (json!([[["C", 1]]]), json!("priority")), "nothing to rank");

    for (allocation, says) in [
        ("rank-a,rank-x", "\"rank-x\" is none of priority, most_stock"),
        ("rank-a, rank-b", "\" rank-b\" is none of"),
        ("rank-a,", "\"\" is none of"),
        ("rank-a,rank-b,rank-a", "rank-a is named twice"),
        ("rank-a,most_stock", "most_stock is built in"),
        ("rank-a,rank-b,only-c,broken,rank-x", "at most 4 rules"),
    ] {
        let body = json!({"locations": ["A"], "allocation": allocation});
        let told = operator.put("/inventory/channels/refused", body).await.expect(400).json();
        assert_eq!(told["field"], "allocation");
        assert!(told["detail"].as_str().unwrap().contains(says), "{allocation}: {told}");
    }
}

/// Stocks of 4 and 3 and a pickup point with 5: the rule prefers where shoppers collect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_prefers_the_pickup_point() {
    let world = world(&[("pickup-first", &ranks("pickup=0"))]).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let admin = world.origin(0).client(&world.tokens.admin);
    admin.put("/inventory/locations/pickup", json!({"name": "shop", "priority": 9, "pickup": true})).await.expect(201);
    for (id, quantity) in [("A", 4), ("B", 3), ("pickup", 5)] {
        world.stock("m", id, quantity).await;
    }
    channel(&world, "collect", &["A", "B", "pickup"], "pickup-first").await;
    let five = json!([{"sku": "m", "quantity": 5}]);
    assert_eq!(serves(&shop, "collect", five).await, (json!([[["pickup", 5]]]), json!("pickup-first")));
    let ten = json!([{"sku": "m", "quantity": 10}]);
    assert_eq!(serves(&shop, "collect", ten).await.0, json!([[["pickup", 5], ["A", 4], ["B", 1]]]));
}

/// Stocks of 4 and 3, by rules alone: the most stock first, the reversed order, a pickup point that has it
/// all; more than there is gets refused whatever the rule, and nothing is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stocks_of_four_and_three_by_rules_alone() {
    let reversed = ranks("B=0,A=1");
    let rules = folder(&[
        ("nearest-allocation", "fewest-parts", "[config]\nkeep_pickup = \"0\"\n"),
        ("hostile-ranking", "reversed", &reversed),
    ]);
    let world = patient(rules.path()).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let admin = world.origin(0).client(&world.tokens.admin);
    admin.put("/inventory/locations/pickup", json!({"name": "shop", "priority": 9, "pickup": true})).await.expect(201);
    for (id, quantity) in [("A", 4), ("B", 3)] {
        world.location(id, 0).await;
        world.stock("m", id, quantity).await;
        world.stock("n", id, quantity).await;
    }
    world.stock("m", "pickup", 5).await;
    channel(&world, "most", &["B", "A"], "fewest-parts").await;
    channel(&world, "back", &["A", "B"], "reversed").await;
    channel(&world, "collect", &["A", "B", "pickup"], "fewest-parts").await;
    let five = || json!([{"sku": "m", "quantity": 5}]);
    for (channel, by, shares) in [
        ("most", "fewest-parts", json!([["A", 4], ["B", 1]])),
        ("back", "reversed", json!([["B", 3], ["A", 2]])),
        ("collect", "fewest-parts", json!([["pickup", 5]])),
    ] {
        let (served, decided) = serves(&shop, channel, five()).await;
        // Parts of one line come in any order.
        let sorted = |parts: &Value| {
            let mut parts: Vec<String> = parts.as_array().unwrap().iter().map(Value::to_string).collect();
            parts.sort();
            parts
        };
        assert_eq!((sorted(&served[0]), decided), (sorted(&shares), json!(by)), "{channel}");
    }
    let ten = json!({"lines": [{"sku": "m", "quantity": 10}], "channel": "most"});
    let told = shop.post("/v1/reservations", ten).await.expect(409).json();
    assert_eq!(told["lines"], json!([{"line": 0, "sku": "m", "requested": 10, "available": 7}]));
    let hundreds = json!([{"sku": "m", "quantity": 100}, {"sku": "n", "quantity": 100}]);
    let told = shop.post("/v1/reservations", json!({"lines": hundreds, "channel": "back"})).await.expect(409).json();
    let short = |line: u32, sku: &str| json!({"line": line, "sku": sku, "requested": 100, "available": 7});
    assert_eq!(told["lines"], json!([short(0, "m"), short(1, "n")]));
    let item = admin.get("/inventory/products/m").await.expect(200).json();
    let reserved = item["stock"].as_array().unwrap().iter().map(|row| row["reserved"].as_i64().unwrap());
    assert_eq!(reserved.sum::<i64>(), 0, "nothing was written: {item}");
}
