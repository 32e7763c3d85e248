//! The whole chain: a rule in Prometheus, Alertmanager, whoever is told; and what happens when somebody breaks it.

use std::time::Duration;

use onhand_harness::{Client, Watcher, World, eventually, watchers::TOLD_WITHIN};
use serde_json::{Value, json};

use crate::runbook::receiver::Receiver;

async fn people() -> Receiver {
    Receiver::start(|| (200, "text/plain", String::new())).await
}

/// What they were told, one body each.
fn told(people: &Receiver) -> Vec<Value> {
    people.received().iter().map(|call| serde_json::from_str(&call.body).unwrap_or_default()).collect()
}

fn names(people: &Receiver) -> Vec<String> {
    let alerts = told(people).into_iter().flat_map(|body| body["alerts"].as_array().cloned().unwrap_or_default());
    alerts.map(|alert| alert["labels"]["alertname"].as_str().unwrap_or_default().to_owned()).collect()
}

fn events(people: &Receiver) -> Vec<String> {
    told(people).iter().map(|body| body["event"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn health(world: &World, origin: usize) -> Value {
    world.origin(origin).anonymous().get("/inventory/health").await.expect(200).json()["alerting"].clone()
}

fn watched(people: &Receiver, silent_after: &str) -> onhand_harness::Builder {
    let webhooks = format!(r#"[{{url = "{}", secret = "0123456789abcdef"}}]"#, people.url);
    let world = World::start().edges(0).env("ONHAND_ORIGIN__ALERTING__WEBHOOKS", &webhooks);
    world.env("ONHAND_ORIGIN__ALERTING__SILENT_AFTER", silent_after)
}

async fn beat(world: &World, origin: usize, token: &str) -> u16 {
    let client = world.origin(origin).client(token);
    client.post("/internal/api/alerting/heartbeat", json!({"receiver": "dead-man", "alerts": []})).await.status
}

/// Replicas share an address, so that each hears only some of the heartbeats.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_told_once_when_alerting_falls_silent_and_when_it_is_heard() {
    let people = people().await;
    let world = watched(&people, "4s").origins(2).ready().await;
    assert_eq!(health(&world, 0).await["says"], "alerting was never heard");
    let (alerting, storefront) = (world.tokens.alerting.clone(), world.tokens.storefront.clone());
    assert_eq!(beat(&world, 0, &alerting).await, 200);
    assert_eq!(beat(&world, 0, &storefront).await, 403);
    eventually!(health(&world, 1).await["last_heard_s"].as_u64().is_some_and(|ago| ago < 4));
    assert!(health(&world, 0).await["says"].as_str().unwrap().starts_with("alerting last heard "));
    eventually!(TOLD_WITHIN, events(&people).contains(&"alerting_silent".to_owned()));
    assert_eq!(health(&world, 0).await["silent"], true);
    eventually!(world.origin(0).metric("origin_alerting_silent").await == Some(1.0));
    let call = &people.received()[0];
    assert!(call.header("onhand-signature").starts_with("t=") && !call.header("onhand-notification").is_empty());
    assert!(told(&people)[0]["silent_s"].as_u64().unwrap() >= 4, "{}", call.body);
    // Both replicas look every second, and one tells.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(events(&people), ["alerting_silent"], "once");
    assert_eq!(beat(&world, 1, &alerting).await, 200);
    eventually!(TOLD_WITHIN, events(&people).len() == 2);
    assert_eq!(events(&people)[1], "alerting_heard");
}

/// Rule, Prometheus, Alertmanager, receiver. Then somebody silences everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_tells_people_and_its_end_is_told_too() {
    let (shop, critical, own) = (people().await, people().await, people().await);
    let world = watched(&own, "6s").edges(1).dedicated().ready().await;
    let heartbeat = format!("{}/internal/api/alerting/heartbeat", world.origin(0).url());
    let receivers = [
        ("dead-man", heartbeat),
        ("critical", critical.url.clone()),
        ("escalation", shop.url.clone()),
        ("warnings", shop.url.clone()),
        ("data", shop.url.clone()),
    ];
    let alertmanager = Watcher::alertmanager(&receivers, &world.tokens.alerting).await;
    let prometheus = Watcher::prometheus(&world, &alertmanager.url()).await;
    eventually!(TOLD_WITHIN, health(&world, 0).await["last_heard_s"].is_u64(), "the dead man's switch is not heard");
    // A fault: Redis dies. Warnings go to one receiver, what is critical to another.
    world.redis().kill();
    let down = "InventoryServiceCacheDown".to_owned();
    eventually!(Duration::from_secs(150), names(&shop).contains(&down), "{:?}", prometheus.firing().await);
    assert!(!names(&critical).contains(&down), "it is critical only after five minutes");
    world.redis().start().await;
    // Somebody has had enough.
    let (from, to) = (chrono_text(0), chrono_text(3600));
    let silence = json!({"matchers": [{"name": "alertname", "value": ".+", "isRegex": true}], "startsAt": from,
        "endsAt": to, "createdBy": "somebody", "comment": "too loud"});
    alertmanager.client().post("/api/v2/silences", silence).await.expect(200);
    eventually!(TOLD_WITHIN, events(&own).contains(&"alerting_silent".to_owned()), "the origin tells by itself");
    let counted = "alertmanager_silences{state=\"active\"} == 1";
    eventually!(TOLD_WITHIN, prometheus.query(counted).await.is_ok_and(|found| !found.is_empty()));
}

fn chrono_text(in_s: u64) -> String {
    let at = std::time::SystemTime::now() + Duration::from_secs(in_s);
    humantime::format_rfc3339_millis(at).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_counts_for_its_replica_while_the_database_is_gone() {
    let people = people().await;
    let world = watched(&people, "300s").dedicated().ready().await;
    world.postgres().freeze();
    let client = Client::at(&world.origin(0).url(), Some(&world.tokens.alerting));
    let reply = client.post("/internal/api/alerting/heartbeat", json!({})).await;
    world.postgres().thaw();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(events(&people), Vec::<String>::new());
}
