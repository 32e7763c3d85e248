//! A reservation that a rule decided can be explained, and the rule run again gives the same plan.

use onhand_rules::{CapturedCall, Config, Trial};

use super::*;

/// Byte for byte.
fn replayed(call: &CapturedCall, component: &str) -> String {
    let component = std::fs::read(built().join(format!("{component}.wasm"))).unwrap();
    let trial = Trial::new(&Config::default(), &call.rule, &component, "").unwrap();
    assert_eq!(trial.component(), call.component, "another component decided");
    let input = call.input().unwrap();
    assert_eq!(Some(input.digest()), call.digest);
    let ran = trial.run(&input, &call.config, Duration::from_secs(20));
    serde_json::to_string(&ran.answer.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_replays_to_the_same_plan() {
    let rules = folder(&[
        ("nearest-allocation", "nearest-allocation", "[config]\nkeep_pickup = \"2\"\n"),
        ("hostile-ranking", "broken", "[config]\nbehaviour = \"rank_short\"\n"),
        ("hostile-ranking", "rank-b", "[config]\nranks = \"lyon=0,rotterdam=1\"\n"),
    ]);
    let world = patient(rules.path()).await;
    place(&world, "rotterdam", 51.92, 4.48).await;
    place(&world, "lyon", 45.76, 4.84).await;
    channel(&world, "web", &["rotterdam", "lyon"], "nearest-allocation").await;
    channel(&world, "ranked", &["rotterdam", "lyon"], "broken,rank-b").await;
    world.stock("x", "rotterdam", 10).await;
    world.stock("x", "lyon", 10).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let operator = world.origin(0).client(&world.tokens.operator);
    let trace = async |body: serde_json::Value| {
        let held = shop.post("/v1/reservations", body).await.expect(201).json();
        let path = format!("/internal/api/reservations/{}/trace", held["id"].as_str().unwrap());
        let told = operator.get(&path).await.expect(200).json();
        assert_eq!(told["allocated_by"], held["allocated_by"]);
        let calls: Vec<CapturedCall> = serde_json::from_value(told["calls"].clone()).unwrap();
        (held, calls)
    };
    let destination = json!({"country": "FR", "lat": 43.296_482, "lon": 5.369_78});
    let lines = json!([{"sku": "x", "quantity": 12}]);
    let (held, calls) = trace(json!({"lines": lines, "channel": "web", "destination": destination})).await;
    assert_eq!((calls.len(), held["allocated_by"].as_str()), (1, Some("nearest-allocation")));
    assert_eq!(calls[0].config["keep_pickup"], "2");
    let plan = calls[0].answer.as_ref().unwrap();
    let told: serde_json::Value = plan.parse().unwrap();
    assert_eq!(told["allocations"][0]["location"], held["lines"][0]["allocations"][0]["location"]);
    assert_eq!(replayed(&calls[0], "nearest-allocation"), plan.as_str());

    let (held, calls) = trace(json!({"lines": [{"sku": "x", "quantity": 1}], "channel": "ranked"})).await;
    assert_eq!((calls.len(), held["allocated_by"].as_str()), (2, Some("rank-b")));
    assert_eq!(calls[0].fault.as_ref().unwrap().reason, "wrong_answer", "why the first rule took no part");
    let ranks = calls[1].answer.as_ref().unwrap();
    assert_eq!((ranks.as_str(), replayed(&calls[1], "hostile-ranking").as_str()), ("[1,0]", ranks.as_str()));

    let explained = explain(&world, held["id"].as_str().unwrap(), &[]).await;
    assert!(explained.contains("allocated by rank-b") && explained.contains("wrong_answer: "), "{explained}");
    let printed = explain(&world, held["id"].as_str().unwrap(), &["--json"]).await;
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let printed: Vec<CapturedCall> = serde_json::from_value(printed["calls"].clone()).unwrap();
    assert_eq!(replayed(&printed[1], "hostile-ranking"), ranks.as_str(), "what is printed can be run again");

    let (held, calls) = trace(json!({"lines": [{"sku": "x", "quantity": 1}]})).await;
    assert!(calls.is_empty(), "a built-in strategy decided");
    let explained = explain(&world, held["id"].as_str().unwrap(), &[]).await;
    assert!(explained.contains("a built-in strategy decided"), "{explained}");
}

/// What `onhand explain --reservation` prints.
async fn explain(world: &World, id: &str, more: &[&str]) -> String {
    let mut command = tokio::process::Command::new(world.binary());
    command.args(["explain", "--reservation", id, "--origin", &world.origin(0).url()]).args(more);
    let output = command.env("ONHAND_TOKEN_OPERATOR", &world.tokens.operator).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
