//! One lookup and one change, through every tier.

use onhand_harness::{World, encode, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_at_one_edge_shows_at_the_other() {
    let world = World::start().edges(2).origins(2).ready().await;
    world.location("eu-1", 0).await;
    world.location("eu-2", 1).await;
    world.channel("web", &["eu-1", "eu-2"]).await;
    world.stock("22423", "eu-1", 55).await;
    world.stock("22423", "eu-2", 30).await;
    let (here, there) = (world.edge(0).client(&world.tokens.storefront), world.edge(1).anonymous());
    eventually!(there.get("/v1/availability/22423").await.json()["available"] == 85);

    let body = json!({"lines": [{"sku": "22423", "quantity": 60}], "channel": "web", "order_ref": "o-1"});
    let held = here.post("/v1/reservations", body).await.expect(201);
    let session = held.header("onhand-session").expect("a session").to_owned();
    let mine = here.get("/v1/availability/22423").await.expect(200);
    assert_eq!(mine.json()["available"], 25, "the edge that forwarded it knows at once");

    let with_session = there.call("GET".parse().unwrap(), "/v1/availability/22423").header("onhand-session", &session);
    assert_eq!(with_session.send().await.json()["available"], 25, "a session is right on any node");
    eventually!(there.get("/v1/availability/22423").await.json()["available"] == 25);

    let id = held.json()["id"].as_str().unwrap().to_owned();
    let own = here.get(&format!("/v1/availability/22423?reservation={id}")).await.expect(200);
    assert_eq!(own.json()["available"], 85, "its own hold left out");
    here.post(&format!("/v1/reservations/{id}/cancel"), json!({})).await.expect(200);
    eventually!(there.get("/v1/availability/22423").await.json()["available"] == 85);
    let read = here.get(&format!("/v1/reservations/{id}")).await.expect(200);
    assert_eq!(read.json()["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_a_location_or_a_channel_is_right_on_any_node() {
    let world = World::start().origins(1).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 7).await;
    let (admin, edge) = (world.origin(0).client(&world.tokens.admin), world.edge(0).anonymous());
    eventually!(edge.get("/v1/availability/x").await.json()["available"] == 7);
    for round in 0..10 {
        let enabled = round % 2 == 1;
        let put = admin.put("/inventory/locations/a", json!({"name": "a", "enabled": enabled})).await.expect(200);
        let session = put.header("onhand-session").expect("a session").to_owned();
        let call = edge.call("GET".parse().unwrap(), "/v1/availability/x").header("onhand-session", &session);
        let shown = call.send().await.expect(200);
        assert_eq!(shown.json()["available"], if enabled { 7 } else { 0 }, "round {round}");
        let put = admin.put(&format!("/inventory/channels/c{round}"), json!({"locations": ["a"]})).await.expect(201);
        let session = put.header("onhand-session").expect("a session").to_owned();
        let path = format!("/v1/availability/x?channel=c{round}");
        edge.call("GET".parse().unwrap(), &path).header("onhand-session", &session).send().await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_later_than_a_write_reflects_it() {
    let world = World::start().edges(2).origins(1).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 100).await;
    let (here, there) = (world.edge(0).client(&world.tokens.storefront), world.edge(1).anonymous());
    for held in 1..=20 {
        let body = json!({"lines": [{"sku": "x", "quantity": 1}]});
        let written = here.post("/v1/reservations", body).await.expect(201);
        let at = written.header("onhand-as-of").expect("a moment").to_owned();
        let seen = there.get("/v1/availability/x").await.expect(200);
        let as_of = seen.header("onhand-as-of").expect("a moment").to_owned();
        let available = seen.json()["available"].as_i64().unwrap();
        // RFC 3339 in UTC with milliseconds: text order is time order.
        assert!(
            as_of <= at || available <= 100 - held,
            "as of {as_of}, after {at}, shows {available} after {held} holds"
        );
        eventually!(there.get("/v1/availability/x").await.header("onhand-as-of").unwrap() > at.as_str());
        assert_eq!(there.get("/v1/availability/x").await.json()["available"], 100 - held);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_from_real_shops_survive_every_tier() {
    let world = World::start().ready().await;
    world.location("a", 0).await;
    let (shop, edge) = (world.edge(0).client(&world.tokens.storefront), world.edge(0).anonymous());
    for name in ["DOT COM/1", "é 100%", "a+b&c=d?", "22423"] {
        world.stock(name, "a", 7).await;
        let path = format!("/v1/availability/{}", encode(name));
        eventually!(edge.get(&path).await.json()["available"] == 7);
        assert_eq!(edge.get(&path).await.json()["sku"], name);
        shop.post("/v1/reservations", json!({"lines": [{"sku": name, "quantity": 2}]})).await.expect(201);
        assert_eq!(edge.get(&path).await.json()["available"], 5);
    }
    let query =
        edge.post("/v1/availability/query", json!({"skus": ["é 100%", "none", "22423", "é 100%"]})).await.expect(200);
    let items: Vec<_> = query.json()["items"].as_array().unwrap().iter().map(|item| item["sku"].clone()).collect();
    assert_eq!(
        (items, query.json()["unknown"].clone()),
        (vec![json!("é 100%"), json!("22423"), json!("é 100%")], json!(["none"]))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_lands_whole_or_not_at_all() {
    let world = World::start().ready().await;
    world.location("a", 0).await;
    let admin = world.origin(0).client(&world.tokens.admin);
    let send = async |query: &str, csv: &str| {
        let call = admin
            .call("POST".parse().unwrap(), &format!("/inventory/imports?{query}"))
            .body("text/csv", csv.to_owned());
        call.send().await.expect(200).json()
    };
    let csv = "sku,location,quantity,name\nA,a,5,Item A\nB,nowhere,1,Item B\nC,a,minus,Item C\n";
    let aborted = send("create=true", csv).await;
    assert_eq!(
        (&aborted["read"], &aborted["applied"], &aborted["rejected"]),
        (&json!(3), &json!(0), &json!(2)),
        "{aborted}"
    );
    let rows: Vec<_> =
        aborted["errors"].as_array().unwrap().iter().map(|error| error["row"].as_i64().unwrap()).collect();
    assert!(rows.contains(&3) && rows.contains(&4), "lines of the file: {aborted}");
    assert_eq!(world.edge(0).anonymous().get("/v1/availability/A").await.status, 404);
    let skipped = send("create=true&on_error=skip", csv).await;
    assert_eq!((&skipped["applied"], &skipped["rejected"]), (&json!(1), &json!(2)), "{skipped}");
    eventually!(world.edge(0).anonymous().get("/v1/availability/A").await.status == 200);
    let adjusted = send("mode=adjust", "sku,location,quantity\nA,a,-2\n").await;
    assert_eq!(adjusted["applied"], 1, "{adjusted}");
    eventually!(world.edge(0).anonymous().get("/v1/availability/A").await.json()["available"] == 3);
}
