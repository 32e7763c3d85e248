//! The trail over HTTP: administrators' changes, starts and what operators did at edges, by name.

use onhand_harness::{Client, World, eventually};
use serde_json::{Value, json};

use super::operator;
use crate::onhand;

const AUDIT: &str = "/internal/api/audit";

async fn lines(world: &World, query: &str) -> Vec<Value> {
    operator(world).get(&format!("{AUDIT}?{query}")).await.expect(200).json()["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_names_who_changed_what() {
    let world = World::start().ready().await;
    world.location("a", 0).await;
    world.location("a", 7).await;
    let put = lines(&world, "kind=location_put&actor=admin").await;
    assert_eq!(put.len(), 2);
    assert_eq!(put[0]["detail"]["before"]["priority"], 0);
    assert_eq!(put[0]["detail"]["after"]["priority"], 7);

    // At an edge, under the operator's own name.
    let at_edge = Client::at(&world.edge(0).management_url(), Some(&world.tokens.operator));
    at_edge.post("/actuator/caches/clearAll", json!({})).await.expect(200);
    at_edge.post("/actuator/loggers/onhand_edge", json!({"configuredLevel": "DEBUG"})).await.expect(204);
    eventually!(lines(&world, "kind=level_changed").await.len() == 1);
    eventually!(lines(&world, "kind=caches_cleared").await.len() == 1);
    let cleared = &lines(&world, "kind=caches_cleared").await[0];
    assert_eq!(cleared["actor"], "operator");
    assert!(cleared["what"].as_str().unwrap().starts_with("edge "), "{cleared}");

    // Pages, and what is wrong with a question.
    let page = operator(&world).get(&format!("{AUDIT}?limit=1")).await.expect(200).json();
    let next = format!("{AUDIT}?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_ne!(operator(&world).get(&next).await.expect(200).json()["items"], page["items"]);
    for wrong in ["kind=nonsense", "from=yesterday", "cursor=x", "limit=0", "colour=red"] {
        let refused = operator(&world).get(&format!("{AUDIT}?{wrong}")).await.expect(400);
        assert_eq!(refused.json()["field"], wrong.split('=').next().unwrap(), "{wrong}");
    }
    let note = json!({"kind": "location_put", "what": "a"});
    assert_eq!(operator(&world).post(AUDIT, note).await.expect(400).json()["field"], "kind");

    let args = ["audit-log", "--origin", &world.origin(0).url(), "--token", &world.tokens.operator];
    let (good, said) = onhand::run(&args, &[]).await;
    assert!(good && said.contains("priority: 0 -> 7") && said.contains("caches_cleared"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_tells_what_its_configuration_changes_and_no_secret() {
    let world = World::start().edges(0).ready().await;
    let started = lines(&world, "kind=started").await;
    assert_eq!(started.len(), 1, "{started:?}");
    let other = [("ONHAND_AUTH__KEY_FILE", world.tokens.public_key().to_string_lossy().into_owned())];
    let region = started[0]["what"].as_str().unwrap();
    let env = [
        ("ONHAND_AUTH__KEY_FILE", other[0].1.as_str()),
        ("ONHAND_ORIGIN__REGION", region),
        ("ONHAND_ORIGIN__QUEUE", "77"),
        ("ONHAND_RULES__TOPIC", world.rules_topic()),
    ];
    let _second = onhand::Running::origin(&world, &env).await;
    let started = lines(&world, "kind=started").await;
    assert_eq!(started.len(), 2);
    let now = started[0]["detail"]["difference"]["now"].to_string();
    assert!(now.contains("origin.queue = 77"), "{now}");
    assert_ne!(started[0]["detail"]["fingerprint"], started[1]["detail"]["fingerprint"]);
    let keys = started[0]["detail"]["keys"].as_array().unwrap();
    let url = keys.iter().filter_map(Value::as_str).find(|key| key.starts_with("origin.database.url")).unwrap();
    assert!(url.contains("postgres://") && !url.contains(world.database()) && !url.contains('@'), "{url}");
}
