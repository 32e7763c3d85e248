//! docs/runbook.md, command by command: each `sh` block is run by a shell as it stands, and prints what the block
//! below it says, name by name; each `sql` block is run by PostgreSQL.

use std::process::Command;

use onhand_harness::{World, eventually};
use serde_json::Value;

/// A block's language and text, in the page's order.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(language) if !open => {
                found.push((language.to_owned(), String::new()));
                open = true;
            }
            Some(_) => open = false,
            None if open => found.last_mut().unwrap().1.push_str(&format!("{line}\n")),
            None => {}
        }
    }
    found
}

/// Every name that the page shows is there; at the top, no other is.
fn shows(shown: &Value, page: &Value, command: &str) {
    let (Some(shown_names), Some(names)) = (shown.as_object(), page.as_object()) else { return };
    let sorted = |names: &serde_json::Map<String, Value>| {
        let mut names: Vec<String> = names.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(sorted(shown_names), sorted(names), "{command}printed {shown}");
    for (name, value) in names {
        let missing: Vec<&String> = value
            .as_object()
            .map(|inner| inner.keys().filter(|key| shown_names[name].get(key).is_none()).collect())
            .unwrap_or_default();
        assert!(missing.is_empty() || name == "detail", "{command}{name} lacks {missing:?}: {shown}");
    }
}

fn run(world: &World, script: &str) -> String {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script.replace("curl -s", "curl -sS --fail-with-body")])
        .env("ORIGIN", world.origin(0).url())
        .env("ORIGIN_MANAGEMENT", world.origin(0).management_url())
        .env("EDGE", world.edge(0).url())
        .env("EDGE_MANAGEMENT", world.edge(0).management_url())
        .env("OPERATOR", &world.tokens.operator)
        .env("ADMIN", &world.tokens.admin)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_page_prints_what_it_says() {
    let world = World::start().ready().await;
    world.location("eu-1", 0).await;
    world.stock("22423", "eu-1", 50).await;
    let shop = world.edge(0).anonymous();
    eventually!(shop.get("/v1/availability/22423").await.status == 200);
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbook.md")).unwrap();
    let blocks = blocks(&page);
    let (mut commands, mut statements) = (0, 0);
    for (index, (language, text)) in blocks.iter().enumerate() {
        match language.as_str() {
            "sh" => {
                let said = run(&world, text);
                let (kind, printed) = blocks.get(index + 1).expect("what it prints");
                assert_eq!(kind, "json", "what {text} prints stands below it");
                let printed: Value = serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
                let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
                shows(&said, &printed, text);
                commands += 1;
            }
            "sql" => {
                world.sql(text).await;
                statements += 1;
            }
            _ => {}
        }
    }
    assert!(commands >= 18 && statements >= 5, "{commands} commands, {statements} statements");
    println!("{commands} commands and {statements} statements of docs/runbook.md");
}
