//! Every error that these calls can give, by edge and by origin: problem+json naming the field,
//! and nothing written.

use onhand_harness::{Client, Reply, World, eventually};
use serde_json::{Value, json};

struct Shop {
    world: World,
}

const POST: &str = "POST";
const PUT: &str = "PUT";

async fn send(client: &Client, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
    let mut call = client.call(method.parse().unwrap(), path);
    if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
        call = call.header("content-type", "application/json");
    }
    for (name, value) in headers {
        call = call.header(name, value);
    }
    call.body_only(body.to_owned()).send().await
}

/// Method, path, body; status, code, and the field that is named.
type Case = (&'static str, &'static str, &'static str, u16, &'static str, Option<&'static str>);

/// The shape that every problem has.
fn check(reply: &Reply, status: u16, code: &str, field: Option<&str>) {
    let body = reply.json();
    assert_eq!((reply.status, body["code"].as_str()), (status, Some(code)), "{}: {body}", reply.url);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{body}");
    assert_eq!(body["type"], format!("urn:onhand:error:{code}"));
    assert_eq!(body["status"], status);
    assert_eq!(body["correlation_id"].as_str(), reply.header("x-correlation-id"), "{body}");
    assert!(body["title"].is_string() && body["detail"].is_string() && body["retry"].is_string(), "{body}");
    if let Some(field) = field {
        assert_eq!(body["field"], field, "{body}");
    }
}

impl Shop {
    async fn open() -> Self {
        let world = World::start().ready().await;
        world.location("a", 0).await;
        world.stock("x", "a", 10).await;
        eventually!(world.edge(0).anonymous().get("/v1/availability/x").await.status == 200);
        Self { world }
    }

    /// The edge and the origin, which serve reservations alike.
    fn both(&self, token: &str) -> [Client; 2] {
        [self.world.edge(0).client(token), self.world.origin(0).client(token)]
    }

    /// Rows that any write would have changed.
    async fn rows(&self) -> Vec<i64> {
        let mut counts = Vec::new();
        for table in ["ledger", "reservations", "allocations", "idempotency_keys", "products", "locations", "channels"]
        {
            counts.push(self.world.sql(&format!("SELECT count(*) FROM {table}")).await[0].get(0));
        }
        counts
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_name_what_is_wrong_and_write_nothing() {
    let shop = Shop::open().await;
    let before = shop.rows().await;
    let good = r#"{"lines":[{"sku":"x","quantity":1}]}"#;
    let cases: &[(&str, u16, &str, Option<&str>)] = &[
        ("{", 400, "invalid_request", Some("body")),
        ("[]", 400, "invalid_request", None),
        ("{}", 400, "invalid_request", Some("lines")),
        (r#"{"lines":[]}"#, 400, "invalid_request", Some("lines")),
        (r#"{"lines":[{"sku":"x","quantity":0}]}"#, 400, "invalid_request", Some("lines[0].quantity")),
        (r#"{"lines":[{"sku":"x","quantity":-1}]}"#, 400, "invalid_request", Some("lines[0].quantity")),
        (r#"{"lines":[{"sku":"x","quantity":1000000001}]}"#, 400, "invalid_request", Some("lines[0].quantity")),
        (r#"{"lines":[{"sku":" x","quantity":1}]}"#, 400, "invalid_request", Some("lines[0].sku")),
        (r#"{"lines":[{"sku":"x","quantity":1,"location":"-"}]}"#, 400, "invalid_request", Some("lines[0].location")),
        (r#"{"lines":[{"sku":"x","quantity":1}],"ttl_s":0}"#, 400, "invalid_request", Some("ttl_s")),
        (r#"{"lines":[{"sku":"x","quantity":1}],"ttl_s":2678401}"#, 400, "invalid_request", Some("ttl_s")),
        (r#"{"lines":[{"sku":"x","quantity":1}],"surprise":1}"#, 400, "invalid_request", Some("surprise")),
        (r#"{"lines":[{"sku":"x","quantity":1}],"policy":"most"}"#, 400, "invalid_request", Some("policy")),
        (r#"{"lines":[{"sku":"none","quantity":1}]}"#, 404, "unknown_sku", None),
        (r#"{"lines":[{"sku":"x","quantity":1,"location":"mars"}]}"#, 404, "unknown_location", None),
        (r#"{"lines":[{"sku":"x","quantity":1}],"channel":"none"}"#, 404, "unknown_channel", None),
    ];
    for client in shop.both(&shop.world.tokens.storefront) {
        for (body, status, code, field) in cases {
            let reply = send(&client, POST, "/v1/reservations", body, &[("idempotency-key", "k")]).await;
            check(&reply, *status, code, *field);
        }
        check(&send(&client, POST, "/v1/reservations", good, &[]).await, 428, "idempotency_key_required", None);
        let key = "k".repeat(129);
        check(
            &send(&client, POST, "/v1/reservations", good, &[("idempotency-key", &key)]).await,
            400,
            "invalid_request",
            Some("Idempotency-Key"),
        );
        let xml = [("idempotency-key", "k"), ("content-type", "text/xml")];
        check(&send(&client, POST, "/v1/reservations", good, &xml).await, 415, "unsupported_media_type", None);
        let zipped = [("idempotency-key", "k"), ("content-encoding", "gzip")];
        check(&send(&client, POST, "/v1/reservations", good, &zipped).await, 415, "unsupported_media_type", None);
        let untyped = client.call(POST.parse().unwrap(), "/v1/reservations").header("idempotency-key", "k");
        check(&untyped.body_only("[]".to_owned()).send().await, 400, "invalid_request", Some("body"));
        let large = format!("{{\"order_ref\":\"{}\"}}", "x".repeat(1 << 20));
        let reply = send(&client, POST, "/v1/reservations", &large, &[("idempotency-key", "k")]).await;
        check(&reply, 413, "too_large", None);
        assert_eq!(reply.json()["limit"], 1 << 20);
        for path in ["/v1/reservations/nonsense", "/v1/reservations/0193a1b2-0000-7000-8000-000000000000", "/nowhere"] {
            check(&client.get(path).await, 404, "not_found", None);
        }
        let allow = send(&client, "DELETE", "/v1/reservations", "", &[]).await;
        check(&allow, 405, "method_not_allowed", None);
        let mut allowed: Vec<&str> = allow.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    }
    assert_eq!(shop.rows().await, before, "nothing written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_carry_what_the_caller_needs() {
    let shop = Shop::open().await;
    for (index, client) in shop.both(&shop.world.tokens.storefront).iter().enumerate() {
        let short = client.post("/v1/reservations", json!({"lines": [{"sku": "x", "quantity": 11}]})).await;
        check(&short, 409, "insufficient_stock", None);
        assert_eq!(short.json()["lines"], json!([{"line": 0, "sku": "x", "requested": 11, "available": 10}]));
        let key = format!("reused-{index}");
        let call = |quantity: i64| send_hold(client, &key, quantity);
        let first = call(1).await.expect(201);
        let id = first.json()["id"].as_str().unwrap().to_owned();
        let again = call(1).await.expect(201);
        assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), first.json()));
        check(&call(2).await, 422, "idempotency_key_reused", None);
        client.post(&format!("/v1/reservations/{id}/cancel"), json!({})).await.expect(200);
        let wrong = client.post(&format!("/v1/reservations/{id}/confirm"), json!({})).await;
        check(&wrong, 409, "reservation_state", None);
        assert_eq!(wrong.json()["state"], "cancelled");
    }
}

async fn send_hold(client: &Client, key: &str, quantity: i64) -> Reply {
    let body = json!({"lines": [{"sku": "x", "quantity": quantity}]});
    client.call(POST.parse().unwrap(), "/v1/reservations").key(key).json(body).send().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lookups_name_what_is_wrong() {
    let shop = Shop::open().await;
    let edge = shop.world.edge(0).anonymous();
    let cases = [
        ("/v1/availability/none", 404, "unknown_sku", None),
        ("/v1/availability/x?channel=none", 404, "unknown_channel", None),
        ("/v1/availability/x?location=mars", 404, "unknown_location", None),
        ("/v1/availability/x?quantity=many", 400, "invalid_request", Some("quantity")),
        ("/v1/availability/x?surprise=1", 400, "invalid_request", Some("surprise")),
        ("/v1/availability/x?channel=-", 400, "invalid_request", Some("channel")),
    ];
    for (path, status, code, field) in cases {
        check(&edge.get(path).await, status, code, field);
    }
    let query = async |body: Value| edge.post("/v1/availability/query", body).await;
    check(&query(json!({"skus": []})).await, 400, "invalid_request", Some("skus"));
    check(&query(json!({"skus": vec!["x"; 501]})).await, 400, "invalid_request", Some("skus"));
    check(&query(json!({"skus": ["x"], "more": 1})).await, 400, "invalid_request", Some("more"));
    let bound =
        edge.call("GET".parse().unwrap(), "/v1/availability/x").header("onhand-max-staleness", "soon").send().await;
    check(&bound, 400, "invalid_request", Some("Onhand-Max-Staleness"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_scope_opens_what_it_may_and_nothing_more() {
    let shop = Shop::open().await;
    let tokens = &shop.world.tokens;
    let before = shop.rows().await;
    let origin: &[(&str, &str, &str, usize)] = &[
        // Method, path, body, the least scope: 0 storefront, 1 operator, 2 admin.
        (PUT, "/inventory/products/x", r#"{"name":"X"}"#, 2),
        ("DELETE", "/inventory/products/x", "", 2),
        (PUT, "/inventory/products/x/stock", r#"{"location":"a","quantity":5,"reason":"r"}"#, 2),
        (POST, "/inventory/products/x/adjustments", r#"{"location":"a","delta":1,"kind":"found","reason":"r"}"#, 1),
        (POST, "/inventory/transfers", r#"{"sku":"x","from":"a","to":"b","quantity":1,"reason":"r"}"#, 1),
        (PUT, "/inventory/products/x/policy", r#"{"safety_stock":1}"#, 1),
        (PUT, "/inventory/locations/b", r#"{"name":"B"}"#, 2),
        (PUT, "/inventory/channels/c", r#"{"locations":["a"]}"#, 2),
        (POST, "/inventory/admin/maintenance", r#"{"maintenanceMode":true}"#, 2),
        ("GET", "/inventory/products/x/ledger", "", 1),
        ("GET", "/internal/api/topology", "", 1),
        (POST, "/internal/api/inventory/reconcile", "{}", 1),
        ("GET", "/inventory/products?q=x", "", 0),
    ];
    let ladder = [&tokens.storefront, &tokens.operator];
    for (method, path, body, least) in origin {
        let anonymous = shop.world.origin(0).anonymous();
        check(&send(&anonymous, method, path, body, &[]).await, 401, "unauthenticated", None);
        let forged = shop.world.origin(0).client("eyJhbGciOiJub25lIn0.e30.");
        check(&send(&forged, method, path, body, &[]).await, 401, "unauthenticated", None);
        for token in &ladder[..*least] {
            check(&send(&shop.world.origin(0).client(token), method, path, body, &[]).await, 403, "forbidden", None);
        }
    }
    for node in [shop.world.edge(0), shop.world.origin(0)] {
        // The token is judged before media type and body.
        let reply = send(&node.anonymous(), POST, "/v1/reservations", "<", &[("content-type", "text/xml")]).await;
        check(&reply, 401, "unauthenticated", None);
    }
    let expired = shop.world.tokens.issue("late", "admin", "1s");
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
    let reply =
        send(&shop.world.origin(0).client(&expired), PUT, "/inventory/locations/b", r#"{"name":"B"}"#, &[]).await;
    check(&reply, 401, "unauthenticated", None);
    assert_eq!(shop.rows().await, before, "nothing written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_calls_name_what_is_wrong() {
    let shop = Shop::open().await;
    let admin = shop.world.origin(0).client(&shop.world.tokens.admin);
    let cases: &[Case] = &[
        (
            PUT,
            "/inventory/products/none/stock",
            r#"{"location":"a","quantity":1,"reason":"r"}"#,
            404,
            "unknown_sku",
            None,
        ),
        (
            PUT,
            "/inventory/products/x/stock",
            r#"{"location":"mars","quantity":1,"reason":"r"}"#,
            404,
            "unknown_location",
            None,
        ),
        (
            PUT,
            "/inventory/products/x/stock",
            r#"{"warehouseId":"a","quantity":1}"#,
            400,
            "invalid_request",
            Some("reason"),
        ),
        (
            PUT,
            "/inventory/products/x/stock",
            r#"{"warehouseId":"a","quantity":1.5,"reason":"r"}"#,
            400,
            "invalid_request",
            Some("quantity"),
        ),
        (
            PUT,
            "/inventory/products/x/stock",
            r#"{"location":"a","quantity":1,"reason":"r","expected_on_hand":3}"#,
            409,
            "version_mismatch",
            None,
        ),
        (
            POST,
            "/inventory/products/x/adjustments",
            r#"{"location":"a","delta":-11,"kind":"lost","reason":"r"}"#,
            409,
            "insufficient_stock",
            None,
        ),
        (
            POST,
            "/inventory/products/x/adjustments",
            r#"{"location":"a","delta":0,"kind":"lost","reason":"r"}"#,
            400,
            "invalid_request",
            Some("delta"),
        ),
        (
            POST,
            "/inventory/products/x/adjustments",
            r#"{"location":"a","delta":1,"kind":"magic","reason":"r"}"#,
            400,
            "invalid_request",
            Some("kind"),
        ),
        (
            POST,
            "/inventory/transfers",
            r#"{"sku":"x","from":"a","to":"a","quantity":1,"reason":"r"}"#,
            400,
            "invalid_request",
            Some("to"),
        ),
        (PUT, "/inventory/channels/c", r#"{"locations":["mars"]}"#, 404, "unknown_location", None),
        (
            PUT,
            "/inventory/channels/c",
            r#"{"locations":["a"],"allocation":"magic"}"#,
            400,
            "invalid_request",
            Some("allocation"),
        ),
        (PUT, "/inventory/products/y", r#"{"name":""}"#, 400, "invalid_request", Some("name")),
        (
            PUT,
            "/inventory/products/y",
            r#"{"name":"Y","price":{"amount":1,"currency":"pounds"}}"#,
            400,
            "invalid_request",
            Some("price.currency"),
        ),
        ("GET", "/inventory/products?limit=0", "", 400, "invalid_request", Some("limit")),
        ("GET", "/inventory/products?cursor=%21", "", 400, "invalid_request", Some("cursor")),
        ("GET", "/inventory/products/none/ledger", "", 404, "unknown_sku", None),
        (POST, "/inventory/imports?mode=guess", "", 400, "invalid_request", Some("mode")),
    ];
    let before = shop.rows().await;
    for (method, path, body, status, code, field) in cases {
        check(&send(&admin, method, path, body, &[]).await, *status, code, *field);
    }
    assert_eq!(shop.rows().await[0], before[0], "no ledger line");
    admin
        .post("/inventory/admin/maintenance", json!({"maintenanceMode": true, "message": "back at 9"}))
        .await
        .expect(200);
    let refused = shop
        .world
        .edge(0)
        .client(&shop.world.tokens.storefront)
        .post("/v1/reservations", json!({"lines": [{"sku": "x", "quantity": 1}]}))
        .await;
    check(&refused, 503, "maintenance", None);
    assert_eq!(
        (refused.json()["message"].as_str(), refused.header("retry-after").is_some()),
        (Some("back at 9"), true)
    );
    assert_eq!(shop.world.edge(0).anonymous().get("/v1/availability/x").await.status, 200, "reads go on");
}
