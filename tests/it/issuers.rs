//! Two issuers side by side, at an origin and an edge: each is judged by its own keys, gives no more than it may, and
//! its subjects are nobody else's.

use onhand_harness::World;
use serde_json::{Value, json};

use crate::{
    auth::KeyPairs,
    onhand::{Running, run},
};

const HOUSE: &str = "house";
const SHOP: &str = "https://id.shop.example";

async fn hold(base: &str, token: &str, key: &str) -> (u16, Value) {
    let call = reqwest::Client::new().post(format!("{base}/v1/reservations"));
    let call = call.bearer_auth(token).header("idempotency-key", key);
    let answer = call.json(&json!({"lines": [{"sku": "x", "quantity": 1}]})).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_issuers_stand_side_by_side() {
    let world = World::start().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    let keys = KeyPairs::new(&["house", "shop"]).await;
    let (house_key, shop_key) = (keys.public("house"), keys.public("shop"));
    let issuers =
        format!(r#"[{{issuer = "{SHOP}", key_file = "{shop_key}", audience = "onhand", greatest = "fulfilment"}}]"#);
    let env = [
        ("ONHAND_AUTH__KEY_FILE", house_key.as_str()),
        ("ONHAND_AUTH__ISSUER", HOUSE),
        ("ONHAND_AUTH__ISSUERS", &issuers),
    ];
    let (good, report) = run(&["check"], &env).await;
    assert!(good && report.contains("auth.issuers[0].key_file: 1 public key"), "{report}");
    let house = async |scope: &str| keys.token("house", scope, &["--issuer", HOUSE]).await;
    let shop = async |scope: &str| keys.token("shop", scope, &["--issuer", SHOP, "--audience", "onhand"]).await;
    let origin = Running::origin(&world, &env).await;
    let edge = Running::edge(&world, &origin.url("origin api"), &house("edge").await, &env).await;
    for base in [origin.url("origin api"), edge.url("edge public")] {
        let (ours, theirs) = (house("storefront").await, shop("storefront").await);
        let key = format!("same-key-at-{base}");
        let (status, first) = hold(&base, &ours, &key).await;
        assert_eq!(status, 201, "{first}");
        let (status, second) = hold(&base, &theirs, &key).await;
        assert_eq!(status, 201, "{second}");
        assert_ne!(first["id"], second["id"], "one subject, one key, and two issuers: two callers");
        assert_eq!(hold(&base, &theirs, &key).await.1["id"], second["id"], "the same caller's key is the same call");
        let forged = keys.token("shop", "admin", &["--issuer", HOUSE]).await;
        assert_eq!(hold(&base, &forged, "forged").await.0, 401);
        let admin = shop("admin").await;
        let (status, problem) = hold(&base, &admin, "beyond").await;
        assert_eq!((status, problem["code"].as_str()), (401, Some("unauthenticated")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("no scope of this service"), "{problem}");
    }
    let actors = world.sql("SELECT DISTINCT actor FROM ledger WHERE reservation IS NOT NULL ORDER BY actor").await;
    let actors: Vec<String> = actors.iter().map(|row| row.get(0)).collect();
    assert_eq!(actors, [format!("{SHOP} me"), "me".to_owned()]);
}
