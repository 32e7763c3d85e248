use onhand_harness::eventually;
use serde_json::json;

use super::{Shop, place, places};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sentence_about_lookups() {
    let shop = Shop::open().await;
    for (id, priority, enabled) in [("eu-3", 1, true), ("eu-1", 1, true), ("eu-2", 0, true), ("off", 0, false)] {
        shop.location(id, priority, enabled).await;
    }
    shop.world.channel("web", &["eu-3", "off", "eu-1"]).await;
    order_and_filters(&shop).await;
    statuses(&shop).await;
    sellable_across_locations(&shop).await;
    own_hold_left_out(&shop).await;
    names_and_tags(&shop).await;
    queries(&shop).await;
    bounds_and_sessions(&shop).await;
}

async fn order_and_filters(shop: &Shop) {
    for (location, on_hand) in [("eu-1", 1), ("eu-2", 2), ("eu-3", 3), ("off", 50)] {
        shop.world.stock("order", location, on_hand).await;
    }
    shop.shows("order", 6).await;
    let shown = async |query: &str| places(&shop.look("order", query).await.expect(200).json());
    assert_eq!(shown("").await, [place("eu-2", 2), place("eu-1", 1), place("eu-3", 3)], "priority, then id");
    assert_eq!(shown("channel=web").await, [place("eu-3", 3), place("eu-1", 1)], "the channel's order");
    assert_eq!(shown("location=eu-3&location=eu-2").await, [place("eu-2", 2), place("eu-3", 3)]);
    assert_eq!(shown("channel=web&location=eu-1&location=eu-2").await, [place("eu-1", 1)]);
    assert_eq!(shown("location=off").await, [], "a disabled location does not count");
    assert_eq!(shop.look("order", "location=nope").await.code(), "unknown_location");
    assert_eq!(shop.look("order", "channel=nope").await.code(), "unknown_channel");
    let refused = shop.look("order", "colour=red").await.expect(400).json();
    assert_eq!((&refused["code"], &refused["field"]), (&json!("invalid_request"), &json!("colour")));
    shop.item("bare", json!({"name": "no stock row"})).await;
    eventually!(shop.look("bare", "").await.status == 200);
    let bare = shop.look("bare", "quantity=1").await.json();
    let out = json!({"sku": "bare", "available": 0, "status": "out_of_stock", "sellable": false, "locations": []});
    assert_eq!(bare, out);
}

async fn statuses(shop: &Shop) {
    shop.world.stock("status", "eu-1", 5).await;
    shop.world.stock("status", "eu-2", 0).await;
    let low = json!({"location": "eu-1", "low_stock_at": 5, "restock_at": "2031-01-31"});
    shop.policy("status", low).await;
    shop.policy("status", json!({"location": "eu-2", "backorder_limit": 3, "restock_at": "2030-12-01"})).await;
    eventually!(shop.look("status", "").await.json()["restock_at"] == "2030-12-01");
    let shown = shop.look("status", "").await.json();
    assert_eq!((&shown["status"], &shown["available"]), (&json!("low_stock"), &json!(5)), "the best of the two");
    let at = |index: usize| (&shown["locations"][index]["status"], &shown["locations"][index]["backorderable"]);
    assert_eq!((at(0), at(1)), ((&json!("backorder"), &json!(3)), (&json!("low_stock"), &json!(0))));
    assert_eq!(shown["locations"][1]["restock_at"], "2031-01-31");
    assert_eq!(shown.get("sellable"), None, "only with a quantity");
    shop.policy("status", json!({"location": "eu-1", "low_stock_at": 0})).await;
    eventually!(shop.look("status", "").await.json()["status"] == "in_stock");
    shop.policy("status", json!({"location": "eu-1", "safety_stock": 5})).await;
    eventually!(shop.look("status", "").await.json()["status"] == "backorder");
    shop.policy("status", json!({"location": "eu-2", "backorder_limit": 0})).await;
    eventually!(shop.look("status", "").await.json()["status"] == "out_of_stock");
}

async fn sellable_across_locations(shop: &Shop) {
    shop.world.stock("sell", "eu-1", 4).await;
    shop.world.stock("sell", "eu-2", 3).await;
    shop.policy("sell", json!({"location": "eu-2", "backorder_limit": 2})).await;
    eventually!(shop.look("sell", "").await.json()["locations"][0]["backorderable"] == 2);
    let sellable = async |query: &str| shop.look("sell", query).await.expect(200).json()["sellable"].clone();
    assert_eq!((sellable("quantity=9").await, sellable("quantity=10").await), (json!(true), json!(false)));
    assert_eq!(sellable("quantity=5&location=eu-1").await, json!(false));
    assert_eq!(sellable("quantity=0").await, json!(true));
    for wrong in ["quantity=1.5", "quantity=-1", "quantity=1000000001", "quantity=1&quantity=2"] {
        assert_eq!(shop.look("sell", wrong).await.expect(400).json()["field"], "quantity", "{wrong}");
    }
}

async fn own_hold_left_out(shop: &Shop) {
    shop.world.stock("own", "eu-1", 5).await;
    let buyer = shop.world.edge(0).client(&shop.world.tokens.storefront);
    let held = buyer.post("/v1/reservations", json!({"lines": [{"sku": "own", "quantity": 4}]})).await.expect(201);
    let id = held.json()["id"].as_str().unwrap().to_owned();
    let session = held.header("onhand-session").unwrap().to_owned();
    let written = held.header("onhand-as-of").unwrap().to_owned();
    let call = shop.edge.call("GET".parse().unwrap(), "/v1/availability/own").header("onhand-session", &session);
    assert_eq!(call.send().await.expect(200).json()["available"], 1, "one reads one's own writes");
    let own = format!("/v1/availability/own?reservation={id}&quantity=5");
    assert_eq!(buyer.get(&own).await.expect(200).json()["sellable"], true);
    assert_eq!(shop.edge.get(&own).await.expect(401).code(), "unauthenticated");
    assert_eq!(shop.look("own", "reservation=nonsense").await.expect(404).code(), "not_found");
    eventually!(shop.look("own", "").await.header("onhand-as-of").unwrap() > written.as_str());
    assert_eq!(shop.look("own", "").await.json()["available"], 1, "a later as-of reflects the write");
}

async fn names_and_tags(shop: &Shop) {
    let sku = "T-LIGHT 5/8 é+%";
    shop.world.stock(sku, "eu-1", 7).await;
    shop.shows(sku, 7).await;
    let first = shop.look(sku, "").await.expect(200);
    assert_eq!((first.json()["sku"].as_str(), first.header("cache-control")), (Some(sku), Some("private, no-cache")));
    assert!(first.header("onhand-as-of").is_some() && first.header("onhand-stale").is_none());
    assert!(["l1", "l2", "origin"].contains(&first.header("onhand-source").unwrap()));
    let etag = first.header("etag").unwrap().to_owned();
    let path = format!("/v1/availability/{}", onhand_harness::encode(sku));
    let call = |method: &str| shop.edge.call(method.parse().unwrap(), &path);
    let same = call("GET").header("if-none-match", &format!("\"other\", {etag}")).send().await.expect(304);
    assert_eq!((same.body.len(), same.header("etag")), (0, Some(etag.as_str())));
    assert!(same.header("onhand-as-of").is_some() && same.header("cache-control").is_some());
    let head = call("HEAD").send().await.expect(200);
    let length = first.body.len().to_string();
    assert_eq!(
        (head.body.len(), head.header("content-length"), head.header("etag")),
        (0, Some(&*length), Some(&*etag))
    );
    shop.world.stock(sku, "eu-1", 6).await;
    eventually!(call("GET").header("if-none-match", &etag).send().await.status == 200);
    assert_eq!(shop.look("never heard of", "").await.expect(404).code(), "unknown_sku");
}

async fn queries(shop: &Shop) {
    let ask = async |body: serde_json::Value| shop.edge.post("/v1/availability/query", body).await;
    let reply = ask(json!({"skus": ["sell", "nope", "order", "sell", "nope"], "channel": "web"})).await.expect(200);
    let body = reply.json();
    let skus: Vec<_> = body["items"].as_array().unwrap().iter().map(|item| item["sku"].as_str().unwrap()).collect();
    assert_eq!((skus, &body["unknown"]), (vec!["sell", "order", "sell"], &json!(["nope", "nope"])));
    assert_eq!(body["items"][1], shop.look("order", "channel=web").await.json(), "as one lookup shows it");
    assert!(reply.header("onhand-as-of").is_some() && reply.header("onhand-source").is_some());
    let only = ask(json!({"skus": ["order"], "locations": ["eu-2"]})).await.json();
    assert_eq!(places(&only["items"][0]), [place("eu-2", 2)]);
    let many = |count: usize| json!({"skus": vec!["order"; count]});
    assert_eq!(ask(many(500)).await.expect(200).json()["items"].as_array().unwrap().len(), 500);
    for (body, field) in
        [(many(501), "skus"), (many(0), "skus"), (json!({}), "skus"), (json!({"skus": ["a", " "]}), "skus[1]")]
    {
        assert_eq!(ask(body).await.expect(400).json()["field"], field);
    }
    assert_eq!(ask(json!({"skus": ["order"], "channel": "nope"})).await.code(), "unknown_channel");
    assert_eq!(ask(json!({"skus": ["order"], "colour": 1})).await.expect(400).json()["field"], "colour");
}

async fn bounds_and_sessions(shop: &Shop) {
    let with = async |name: &str, value: &str| {
        shop.edge.call("GET".parse().unwrap(), "/v1/availability/order").header(name, value).send().await
    };
    assert_eq!(with("onhand-max-staleness", "0").await.expect(200).header("onhand-source"), Some("origin"));
    assert_eq!(with("onhand-max-staleness", "600000").await.expect(200).header("onhand-source"), Some("l1"));
    for wrong in ["-1", "1.5", "soon", ""] {
        let refused = with("onhand-max-staleness", wrong).await.expect(400).json();
        assert_eq!(refused["field"], "Onhand-Max-Staleness", "{wrong:?}");
    }
    assert_eq!(with("onhand-session", "nonsense").await.expect(400).json()["field"], "Onhand-Session");
}
