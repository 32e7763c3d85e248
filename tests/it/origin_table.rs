//! Every operation of the origin's OpenAPI document, and every code that it says it gives.
//!
//! The tests go through the served document, so that an endpoint or a code that is added to it and
//! not tried here fails them. Codes that need a fault are tried by the fault tests.

mod document;

use std::collections::BTreeSet;

use document::{Operation, operations};
use onhand_harness::{Client, Reply, World, eventually};
use onhand_wire::release::Release;
use serde_json::{Value, json};

/// Given only while something is broken or too slow.
const FAULTS: [&str; 3] = ["origin_unavailable", "overloaded", "deadline_exceeded"];
/// What any call can be refused for: tried for each operation alike.
const ALIKE: [&str; 7] = [
    "unauthenticated",
    "forbidden",
    "invalid_request",
    "too_large",
    "unsupported_media_type",
    "idempotency_key_reused",
    "maintenance",
];

/// Far beyond what these tests hold, but for the one that is refused.
const OPEN_UNITS: &str = "10000000";

struct Table {
    world: World,
    operations: Vec<Operation>,
}

impl Table {
    async fn open() -> Self {
        let world =
            World::start().edges(0).env("ONHAND_ORIGIN__RESERVATIONS__MAX_OPEN_UNITS", OPEN_UNITS).ready().await;
        world.location("eu-1", 0).await;
        world.location("eu-2", 1).await;
        world.channel("web", &["eu-1", "eu-2"]).await;
        world.stock("22423", "eu-1", 57).await;
        world.stock("22423", "eu-2", 30).await;
        let document = world.origin(0).anonymous().get("/openapi.json").await.expect(200).json();
        assert_eq!(document["openapi"], "3.1.0");
        let operations = operations(&document);
        Self { world, operations }
    }

    fn admin(&self) -> Client {
        self.world.origin(0).client(&self.world.tokens.admin)
    }

    fn operation(&self, id: &str) -> &Operation {
        self.operations.iter().find(|operation| operation.id == id).unwrap_or_else(|| panic!("no operation {id}"))
    }

    /// The operations that say they give a code.
    fn giving<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().filter(move |operation| operation.may(code))
    }

    /// Everything that a write could change.
    async fn rows(&self) -> Vec<String> {
        let state = "(SELECT term, topology, maintenance, message FROM origin_state)";
        let all = [
            "products",
            "inventory_items",
            "reservations",
            "allocations",
            "ledger",
            "locations",
            "channels",
            "idempotency_keys",
            "rules",
            "rule_manifests",
            "rule_releases",
            "users",
            "invitations",
            state,
        ];
        let mut dump = Vec::new();
        for table in all {
            let rows = format!("SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t");
            dump.push(self.world.sql(&rows).await[0].get(0));
        }
        dump
    }

    /// An order of one, once it is decided.
    async fn order(&self, key: &str) -> String {
        let body = json!({"lines": [{"sku": "22423", "quantity": 1}], "order_ref": "of-the-table"});
        let place = async || {
            let call = self.admin().call("POST".parse().unwrap(), "/v1/orders").key(key).json(body.clone());
            call.send().await
        };
        // The lanes' topics are being made; one subject may ask 60 times in a minute.
        let mut placed = place().await;
        for _ in 0..50 {
            if placed.status == 202 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            placed = place().await;
        }
        let id = placed.expect(202).json()["id"].as_str().expect("an id").to_owned();
        let read = async || self.admin().get(&format!("/v1/orders/{id}")).await.json()["state"].clone();
        eventually!(read().await == "confirmed");
        id
    }

    /// A reservation of two, taken through these verbs.
    async fn reservation(&self, verbs: &[&str]) -> String {
        let hold = json!({"lines": [{"sku": "22423", "quantity": 2}], "ttl_s": 86400});
        let id = self.admin().post("/v1/reservations", hold).await.expect(201).json()["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        for verb in verbs {
            self.admin().post(&format!("/v1/reservations/{id}/{verb}"), json!({})).await.expect(200);
        }
        id
    }
}

/// The problem that was expected, in the shape that every problem has.
#[track_caller]
fn check(operation: &Operation, reply: &Reply, status: u16, code: &str) {
    let id = &operation.id;
    let body = reply.json();
    assert_eq!((reply.status, body["code"].as_str()), (status, Some(code)), "{id} {}: {body}", reply.url);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{id}");
    assert_eq!(body["type"], format!("urn:onhand:error:{code}"), "{id}");
    assert_eq!(body["status"], status, "{id}");
    assert_eq!(body["correlation_id"].as_str(), reply.header("x-correlation-id"), "{id}");
    assert!(body["title"].is_string() && body["detail"].is_string() && body["retry"].is_string(), "{id}: {body}");
    assert!(code == "method_not_allowed" || operation.may(code), "{id} does not say that it gives {code}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_is_judged_first_and_a_small_scope_writes_nothing() {
    let table = Table::open().await;
    let before = table.rows().await;
    let tokens = &table.world.tokens;
    let origin = table.world.origin(0);
    for operation in &table.operations {
        let Some(scope) = &operation.scope else {
            assert_ne!(operation.call(&origin.anonymous()).await.status, 401, "{}", operation.id);
            continue;
        };
        check(operation, &operation.call(&origin.anonymous()).await, 401, "unauthenticated");
        let xml = operation.send(&origin.anonymous(), Some("text/xml"), b"<".to_vec(), None).await;
        check(operation, &xml, 401, "unauthenticated");
        // What each scope may is in who_may.rs, cell by cell; nobody may anything else with alerting's.
        assert!(!scope.is_empty());
        let other = if scope == "alerting" { &tokens.storefront } else { &tokens.alerting };
        check(operation, &operation.call(&origin.client(other)).await, 403, "forbidden");
    }
    let import = table.operation("importStock");
    check(import, &import.call(&origin.client(&tokens.operator)).await, 403, "forbidden");
    let create = import.with_query("?mode=adjust&create=true");
    check(import, &create.call(&origin.client(&tokens.operator)).await, 403, "forbidden");
    assert_eq!(table.rows().await, before, "nothing written");
}

/// The call with something wrong that every operation refuses, and the field that is named.
fn malformed(operation: &Operation) -> (Operation, Vec<u8>, &'static str) {
    match operation.media.as_deref() {
        // Its body may be any JSON.
        _ if operation.id == "alertingHeartbeat" => (operation.with_query("?surprise=1"), b"{}".to_vec(), "surprise"),
        Some("application/json") => (operation.clone(), br#"{"surprise":1}"#.to_vec(), "surprise"),
        Some("text/csv") => (operation.clone(), b"nonsense\n".to_vec(), "header"),
        Some(_) => (operation.clone(), vec![0xc1], "body"),
        None if operation.at.is_empty() => (operation.with_query("?surprise=1"), Vec::new(), "surprise"),
        None => (operation.with_path("%FF"), Vec::new(), "path"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_malformed_is_refused_and_writes_nothing() {
    let table = Table::open().await;
    let before = table.rows().await;
    let admin = table.admin();
    for operation in table.giving("invalid_request") {
        let (call, body, field) = malformed(operation);
        let reply = call.send(&admin, operation.media.as_deref(), body, Some("malformed")).await;
        check(operation, &reply, 400, "invalid_request");
        assert_eq!(reply.json()["field"], field, "{}", operation.id);
    }
    for operation in table.giving("unsupported_media_type") {
        let reply = operation.send(&admin, Some("text/xml"), operation.bytes(), Some("xml")).await;
        check(operation, &reply, 415, "unsupported_media_type");
    }
    for operation in table.giving("too_large") {
        let reply = operation
            .send(&admin, operation.media.as_deref(), vec![b' '; operation.most_bytes + 1], Some("large"))
            .await;
        check(operation, &reply, 413, "too_large");
        assert!(reply.json()["limit"].is_u64(), "{}", operation.id);
    }
    for operation in &table.operations {
        let other = Operation { method: "PATCH".to_owned(), ..operation.clone() };
        let reply = other.call(&admin).await;
        check(operation, &reply, 405, "method_not_allowed");
        let allowed: BTreeSet<&str> =
            reply.header("allow").expect("Allow").split(',').filter(|method| *method != "HEAD").collect();
        let same_path = table.operations.iter().filter(|same| same.path == operation.path);
        assert_eq!(allowed, same_path.map(|same| same.method.as_str()).collect(), "{}", operation.path);
    }
    assert_eq!(table.rows().await, before, "nothing written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_key_and_maintenance_stop_every_write() {
    let table = Table::open().await;
    let admin = table.admin();
    let hold = json!({"lines": [{"sku": "22423", "quantity": 1}]});
    admin.call("POST".parse().unwrap(), "/v1/reservations").key("used").json(hold).send().await.expect(201);
    table.order("used").await;
    let before = table.rows().await;
    for operation in table.giving("idempotency_key_reused") {
        let reply = operation.send(&admin, operation.media.as_deref(), operation.bytes(), Some("used")).await;
        check(operation, &reply, 422, "idempotency_key_reused");
    }
    assert_eq!(table.rows().await, before, "nothing written");
    let switch = async |on: bool| {
        admin
            .post("/inventory/admin/maintenance", json!({"maintenanceMode": on, "message": "back at 9"}))
            .await
            .expect(200)
    };
    switch(true).await;
    let before = table.rows().await;
    for operation in table.giving("maintenance") {
        let reply = operation.call(&admin).await;
        check(operation, &reply, 503, "maintenance");
        assert_eq!((reply.json()["message"].as_str(), reply.header("retry-after")), (Some("back at 9"), Some("1")));
    }
    for operation in table.operations.iter().filter(|operation| operation.method == "GET") {
        assert_ne!(operation.call(&admin).await.status, 503, "reads go on: {}", operation.id);
    }
    assert_eq!(table.rows().await, before, "nothing written");
    switch(false).await;
}

/// What has been provoked, to be compared with what the document promises.
struct Provoked<'a> {
    table: &'a Table,
    seen: BTreeSet<(String, String)>,
}

impl Provoked<'_> {
    /// Makes the call that `change` makes of an operation; it is refused with this code.
    async fn by(&mut self, id: &str, code: &str, status: u16, change: impl FnOnce(&Operation) -> Operation) -> Value {
        let operation = self.table.operation(id);
        let reply = change(operation).call(&self.table.admin()).await;
        check(operation, &reply, status, code);
        self.seen.insert((id.to_owned(), code.to_owned()));
        reply.json()
    }
}

fn line(quantity: u32) -> Value {
    json!({"lines": [{"line": 0, "quantity": quantity}]})
}

/// The example with one member changed.
fn changed(operation: &Operation, member: &str, value: Value) -> Operation {
    let mut body = operation.body.clone();
    body[member] = value;
    operation.with_body(body)
}

const VERBS: [&str; 7] = [
    "extendReservation",
    "confirmReservation",
    "cancelReservation",
    "fulfilReservation",
    "returnReservation",
    "setReservationLines",
    "reallocateReservation",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_code_can_be_provoked() {
    let table = Table::open().await;
    let mut provoked = Provoked { table: &table, seen: BTreeSet::new() };
    unknown(&mut provoked).await;
    conflicts(&mut provoked).await;
    too_many_attempts(&mut provoked).await;
    for id in ["createReservation", "placeOrder"] {
        let create = table.operation(id);
        let keyless = create.send(&table.admin(), Some("application/json"), create.bytes(), None).await;
        check(create, &keyless, 428, "idempotency_key_required");
        provoked.seen.insert((create.id.clone(), "idempotency_key_required".to_owned()));
    }

    // One subject may place 60 in a minute.
    for _ in 0..60 {
        table.operation("placeOrder").call(&table.admin()).await;
    }
    let body = provoked.by("placeOrder", "rate_limited", 429, Operation::clone).await;
    assert_eq!(body["limit"], 60, "{body}");

    let others = table.operations.iter().flat_map(|operation| {
        let codes =
            operation.codes.iter().filter(|code| !FAULTS.contains(&code.as_str()) && !ALIKE.contains(&code.as_str()));
        codes.map(|code| (operation.id.clone(), code.clone()))
    });
    assert_eq!(others.collect::<BTreeSet<_>>(), provoked.seen, "documented (left) against provoked (right)");
}

async fn unknown(provoked: &mut Provoked<'_>) {
    for id in ["getItem", "deleteItem", "setStock", "adjustStock", "setPolicy", "readLedger"] {
        let body = provoked.by(id, "unknown_sku", 404, |operation| operation.with_path("none")).await;
        assert_eq!(body["sku"], "none");
    }
    provoked.by("transferStock", "unknown_sku", 404, |operation| changed(operation, "sku", json!("none"))).await;
    let none = json!({"lines": [{"sku": "none", "quantity": 1}]});
    provoked.by("placeOrder", "unknown_sku", 404, |operation| operation.with_body(none)).await;
    provoked.by("placeOrder", "unknown_channel", 404, |operation| changed(operation, "channel", json!("none"))).await;
    let held = |line: Value| move |operation: &Operation| operation.with_body(json!({"lines": [line]}));
    provoked.by("createReservation", "unknown_sku", 404, held(json!({"sku": "none", "quantity": 1}))).await;
    let mars = json!({"sku": "22423", "quantity": 1, "location": "mars"});
    provoked.by("createReservation", "unknown_location", 404, held(mars)).await;
    provoked
        .by("createReservation", "unknown_channel", 404, |operation| changed(operation, "channel", json!("none")))
        .await;
    for id in ["setStock", "adjustStock", "setPolicy"] {
        let body =
            provoked.by(id, "unknown_location", 404, |operation| changed(operation, "location", json!("mars"))).await;
        assert_eq!(body["location"], "mars");
    }
    provoked.by("transferStock", "unknown_location", 404, |operation| changed(operation, "to", json!("mars"))).await;
    provoked.by("readLedger", "unknown_location", 404, |operation| operation.with_query("?location=mars")).await;
    provoked.by("getLocation", "unknown_location", 404, |operation| operation.with_path("mars")).await;
    provoked.by("getChannel", "unknown_channel", 404, |operation| operation.with_path("none")).await;
    provoked
        .by("putChannel", "unknown_location", 404, |operation| operation.with_body(json!({"locations": ["mars"]})))
        .await;

    for id in [
        "rollBackRule",
        "readRollBack",
        "readReleases",
        "getRelease",
        "getManifest",
        "pauseLane",
        "resumeLane",
        "getReplay",
        "stopReplay",
    ] {
        provoked.by(id, "not_found", 404, |operation| operation.with_path("none")).await;
    }
    for id in ["readUser", "setUserRole", "signOutUser", "removeUser"] {
        provoked.by(id, "not_found", 404, |operation| operation.with_path("nobody")).await;
        provoked.by(id, "not_found", 404, |operation| operation.with_path("No Name")).await;
    }
    for id in ["getReservation", "getReservationTrace", "getOrder", "followOrder"].iter().chain(&VERBS) {
        provoked.by(id, "not_found", 404, Operation::clone).await;
        provoked.by(id, "not_found", 404, |operation| operation.with_path("nonsense")).await;
    }
    for id in ["deleteLocation", "exportStock"] {
        let elsewhere = |operation: &Operation| match id {
            "deleteLocation" => operation.with_path("mars"),
            _ => operation.with_query("?location=mars"),
        };
        provoked.by(id, "unknown_location", 404, elsewhere).await;
    }
    provoked.by("deleteChannel", "unknown_channel", 404, |operation| operation.with_path("none")).await;
    provoked.by("exportStock", "unknown_channel", 404, |operation| operation.with_query("?channel=none")).await;
    let open = provoked.table.reservation(&[]).await;
    let on_open = |line: Value| {
        let open = open.clone();
        move |operation: &Operation| operation.with_path(&open).with_body(json!({"lines": [line]}))
    };
    provoked.by("setReservationLines", "unknown_sku", 404, on_open(json!({"sku": "none", "quantity": 1}))).await;
    let mars = json!({"sku": "22423", "quantity": 1, "location": "mars"});
    provoked.by("setReservationLines", "unknown_location", 404, on_open(mars)).await;
    let to_mars = |operation: &Operation| changed(&operation.with_path(&open), "to", json!("mars"));
    provoked.by("reallocateReservation", "unknown_location", 404, to_mars).await;
    provoked.table.admin().post(&format!("/v1/reservations/{open}/cancel"), json!({})).await.expect(200);
    let confirmed = provoked.table.reservation(&["confirm"]).await;
    let elsewhere = json!({"lines": [{"line": 0, "quantity": 1, "location": "mars"}]});
    let ship = |operation: &Operation| operation.with_path(&confirmed).with_body(elsewhere);
    provoked.by("fulfilReservation", "unknown_location", 404, ship).await;
    let mut back = line(1);
    back["location"] = json!("mars");
    let give_back = |operation: &Operation| operation.with_path(&confirmed).with_body(back);
    provoked.by("returnReservation", "unknown_location", 404, give_back).await;
}

async fn conflicts(provoked: &mut Provoked<'_>) {
    let many = 1_000_000;
    let beyond = json!({"lines": [{"sku": "22423", "quantity": 10_000_001}]});
    let body = provoked.by("createReservation", "rate_limited", 429, |operation| operation.with_body(beyond)).await;
    assert_eq!((&body["limit"], &body["retry"]), (&json!(10_000_000), &json!("later")), "{body}");
    let hold = json!({"lines": [{"sku": "22423", "quantity": many}]});
    let body = provoked.by("createReservation", "insufficient_stock", 409, |operation| operation.with_body(hold)).await;
    assert_eq!(body["lines"], json!([{"line": 0, "sku": "22423", "requested": many, "available": 85}]));
    for (id, states) in
        [("confirmReservation", &[][..]), ("fulfilReservation", &["confirm"]), ("returnReservation", &["confirm"])]
    {
        let reservation = provoked.table.reservation(states).await;
        let much = |operation: &Operation| operation.with_path(&reservation).with_body(line(many));
        let body = provoked.by(id, "insufficient_stock", 409, much).await;
        assert_eq!(body["lines"][0]["requested"], many, "{id}: {body}");
    }
    let open = provoked.table.reservation(&[]).await;
    for (quantity, code, status) in [(10_000_001, "rate_limited", 429), (many, "insufficient_stock", 409)] {
        let lines = json!({"lines": [{"sku": "22423", "quantity": quantity}]});
        let set = |operation: &Operation| operation.with_path(&open).with_body(lines);
        provoked.by("setReservationLines", code, status, set).await;
    }
    let more = |operation: &Operation| changed(&operation.with_path(&open), "quantity", json!(many));
    provoked.by("reallocateReservation", "insufficient_stock", 409, more).await;
    let body = provoked.by("deleteLocation", "in_use", 409, Operation::clone).await;
    assert_eq!(
        (&body["channels"], &body["stock_rows"], &body["on_hand"]),
        (&json!(["web"]), &json!(1), &json!(57)),
        "{body}"
    );
    let hold = json!({"lines": [{"sku": "22423", "quantity": 1}], "channel": "web"});
    let held = provoked.table.admin().post("/v1/reservations", hold).await.expect(201).json();
    let body = provoked.by("deleteChannel", "in_use", 409, Operation::clone).await;
    assert_eq!(body["holds"], 1, "{body}");
    let path = format!("/v1/reservations/{}/cancel", held["id"].as_str().expect("an id"));
    provoked.table.admin().post(&path, json!({})).await.expect(200);
    let adjust = |operation: &Operation| changed(operation, "delta", json!(-i64::from(many)));
    let body = provoked.by("adjustStock", "insufficient_stock", 409, adjust).await;
    assert_eq!(body["lines"][0]["requested"], many, "{body}");
    let body = provoked
        .by("transferStock", "insufficient_stock", 409, |operation| changed(operation, "quantity", json!(many)))
        .await;
    assert_eq!(body["lines"][0]["requested"], many, "{body}");
    let body = provoked
        .by("setStock", "version_mismatch", 409, |operation| changed(operation, "expected_on_hand", json!(many)))
        .await;
    assert!(body["version"].is_string() && body["on_hand"] == 57, "{body}");
    let body = provoked.by("deleteItem", "in_use", 409, Operation::clone).await;
    assert!(body["reserved"].as_i64() > Some(0), "{body}");

    let cancelled = provoked.table.reservation(&["cancel"]).await;
    for id in VERBS {
        // Not the very call that made the state: that one answers 200 again.
        let change = |operation: &Operation| match id {
            "cancelReservation" => operation.with_path(&cancelled).with_body(json!({"reason": "another"})),
            _ => operation.with_path(&cancelled),
        };
        let body = provoked.by(id, "reservation_state", 409, change).await;
        assert_eq!(body["state"], "cancelled", "{id}");
    }
    shipped_and_gone(provoked).await;
}

/// Each of these counts as an attempt, and the last one is too much.
async fn too_many_attempts(provoked: &mut Provoked<'_>) {
    let admin = provoked.table.admin();
    for (id, most) in [("verifyUser", 10), ("registerUser", 100)] {
        let operation = provoked.table.operation(id);
        // Its own address: the counts of the two calls are not the same then.
        let change = |operation: &Operation| changed(operation, "address", json!(id));
        for _ in 0..most {
            // A name that nobody has, or somebody has already: the attempt counts in any case.
            change(operation).call(&admin).await;
        }
        let body = provoked.by(id, "rate_limited", 429, change).await;
        assert_eq!((&body["limit"], &body["retry"]), (&json!(most), &json!("later")), "{body}");
    }
}

/// Goods come back to an item that has been deleted since.
async fn shipped_and_gone(provoked: &mut Provoked<'_>) {
    provoked.table.world.stock("gone", "eu-1", 2).await;
    let admin = provoked.table.admin();
    let hold = json!({"lines": [{"sku": "gone", "quantity": 2}]});
    let id = admin.post("/v1/reservations", hold).await.expect(201).json()["id"].as_str().expect("an id").to_owned();
    for verb in ["confirm", "fulfil"] {
        admin.post(&format!("/v1/reservations/{id}/{verb}"), json!({})).await.expect(200);
    }
    admin.delete("/inventory/products/gone").await.expect(200);
    let back = |operation: &Operation| operation.with_path(&id).with_body(line(1));
    provoked.by("returnReservation", "unknown_sku", 404, back).await;
}

fn base64(file: &std::path::Path) -> String {
    let release = Release { component: std::fs::read(file).expect("a component"), ..Release::default() };
    serde_json::to_value(release).expect("JSON")["component"].as_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_works() {
    let table = Table::open().await;
    let admin = table.admin();
    let (held, confirmed) = (table.reservation(&[]).await, table.reservation(&["confirm"]).await);
    let shipped = table.reservation(&["confirm", "fulfil"]).await;
    let ordered = table.order("of-the-table").await;
    let replay = admin.post("/internal/api/orders/dlq/replay", json!({})).await.expect(202).json();
    let replay = replay["id"].as_str().expect("an id").to_owned();
    table
        .admin()
        .put("/inventory/products/22423/stock", json!({"location": "eu-1", "quantity": 57, "reason": "seed"}))
        .await
        .expect(200);
    let push = table.operation("pushRelease");
    let push = changed(push, "component", json!(base64(&crate::rules::built().join("channel-buffer.wasm"))));
    let pushed = push.call(&admin).await.expect(200).json();
    let digest = pushed["full"]["digest"].as_str().expect("a digest").to_owned();
    // The count that is expected comes first, maintenance last, and what ends a rule before that.
    let mut operations: Vec<&Operation> = table.operations.iter().collect();
    operations.sort_by_key(|operation| match operation.id.as_str() {
        "setStock" | "registerUser" => 0,
        "removeUser" => 2,
        "rollBackRule" => 2,
        "setMaintenance" => 3,
        _ => 1,
    });
    for operation in operations {
        let at = match operation.id.as_str() {
            "extendReservation" | "getReservation" | "getReservationTrace" => &held,
            "confirmReservation" | "cancelReservation" => &table.reservation(&[]).await,
            "getRelease" => &digest,
            "readUser" | "setUserRole" | "signOutUser" | "removeUser" => "ann",
            "getOrder" | "followOrder" => &ordered,
            "getReplay" | "stopReplay" => &replay,
            "fulfilReservation" => &confirmed,
            "returnReservation" => &shipped,
            "deleteItem" => {
                table.world.item("deleted").await;
                "deleted"
            }
            "deleteLocation" => {
                table.world.location("deleted", 9).await;
                "deleted"
            }
            "deleteChannel" => {
                table.world.channel("deleted", &["eu-1"]).await;
                "deleted"
            }
            "setReservationLines" | "reallocateReservation" => &table.reservation(&[]).await,
            _ => "",
        };
        let call = match operation.id.as_str() {
            // Its example is too short to be a rule.
            "pushRelease" => push.clone(),
            _ if at.is_empty() => operation.clone(),
            _ => operation.with_path(at),
        };
        let reply = call.call(&admin).await;
        assert!(matches!(reply.status, 200..=202), "{} {}: {}", operation.id, reply.status, reply.text());
    }
    admin.post("/inventory/admin/maintenance", json!({"maintenanceMode": false})).await.expect(200);
}
