//! `onhand rule`: an author's way, from an empty folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

const WORLDS: [&str; 4] = ["view", "allocation", "ranking", "pricing"];

struct Author(tempfile::TempDir);

impl Author {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// As in a terminal of that folder. The guests' standard library is shared with the examples.
    fn rule(&self, dir: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
        command.arg("rule").args(arguments).current_dir(self.at(dir));
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_MANIFEST_DIR")).join("target"));
        // An unoptimised host on a busy machine is slow around the guest; these tests are about answers.
        for key in ["DEADLINE", "BATCH_DEADLINE"] {
            command.env(format!("ONHAND_RULES__{key}"), "5s");
        }
        command.output().unwrap()
    }

    /// A component goes to other people's machines: it must not say where, and by whom, it was built.
    fn names_no_place(&self, rule: &str) {
        let component = fs::read(self.at(rule).join("build").join(format!("{rule}.wasm"))).unwrap();
        let text = String::from_utf8_lossy(&component);
        let home = std::env::var("HOME").unwrap() + "/";
        let places =
            [self.0.path().to_str().unwrap(), env!("CARGO_MANIFEST_DIR"), &home, "/usr/lib/rustlib", ".cargo/"];
        for place in places {
            let near = text.find(place).map(|at| text[at..].chars().take(80).collect::<String>());
            assert_eq!(near, None, "{rule} names {place}");
        }
    }

    fn done(&self, dir: &str, arguments: &[&str]) -> String {
        let output = self.rule(dir, arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// What it says as it fails.
    fn fails(&self, dir: &str, arguments: &[&str]) -> String {
        let output = self.rule(dir, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stdout) + &text(&output.stderr)
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&fs::read(self.at(path)).unwrap()).unwrap()
    }

    fn put(&self, path: &str, value: &Value) {
        fs::write(self.at(path), value.to_string()).unwrap();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_new_rule_in_rust_builds_and_passes_in_each_world() {
    let author = Author::new();
    for world in WORLDS {
        let name = format!("rust-{world}");
        assert!(author.done(".", &["new", &name, "--world", world]).contains("onhand rule build"));
        assert!(author.done(&name, &["build"]).contains(" of 2.0 MiB"));
        author.names_no_place(&name);
        assert!(author.done(&name, &["test"]).contains("2 passed, 0 failed"));
    }
}

#[test]
fn a_new_rule_in_c_builds_and_passes_in_each_world() {
    let author = Author::new();
    for world in WORLDS {
        let name = format!("c-{world}");
        author.done(".", &["new", &name, "--world", world, "--lang", "c"]);
        author.done(&name, &["build"]);
        author.names_no_place(&name);
        assert!(author.done(&name, &["test"]).contains("2 passed, 0 failed"));
    }
}

/// The rest of an author's day, with the language that builds quickest.
#[test]
fn fixtures_replay_and_list() {
    let author = Author::new();
    author.done(".", &["new", "cap", "--world", "view", "--lang", "c"]);
    assert!(author.fails("cap", &["test"]).contains("not built yet; run `onhand rule build`"));
    author.done("cap", &["build"]);
    author.done("cap", &["test"]);

    let fixture = "cap/fixtures/capped.json";
    let right = author.json(fixture);
    let mut wrong = right.clone();
    wrong["expected"]["locations"][0]["available"] = json!(4);
    author.put(fixture, &wrong);
    let told = author.fails("cap", &["test"]);
    assert!(told.contains("\"available\": 4") && told.contains("\"available\": 3"), "{told}");
    assert!(told.contains("1 passed, 1 failed"), "{told}");
    author.done("cap", &["test", "--bless"]);
    assert_eq!(author.json(fixture), right);
    assert_eq!(author.json(&fixture.replace("fixtures", "build/cap.fixtures")), right, "what is pushed goes with it");

    wrong["input"]["locations"][0]["avail"] = json!(1);
    author.put(fixture, &wrong);
    let told = author.fails("cap", &["test"]);
    assert!(told.contains("capped.json: input: ") && told.contains("unknown field `avail`"), "{told}");

    fs::write(author.at("cap/build/half.wasm"), b"\0asm\x0d\0").unwrap();
    let told = author.fails("cap", &["list", "--rules", "build"]);
    assert!(told.contains("cap.wasm") && told.contains("| view"), "{told}");
    assert!(told.contains("half.wasm") && told.contains("REFUSED"), "{told}");
}

/// As a node keeps it among its samples.
#[test]
fn a_capture_is_played_again() {
    let author = Author::new();
    author.done(".", &["new", "cap", "--world", "view", "--lang", "c"]);
    author.done("cap", &["build"]);
    let fixture = author.json("cap/fixtures/capped.json");
    let mut capture = json!({
        "world": "view", "rule": "cap", "component": "00", "digest": "00",
        "config": fixture["config"], "input": fixture["input"], "answer": fixture["expected"],
    });
    author.put("capture.json", &capture);
    let told = author.done("cap", &["replay", "../capture.json"]);
    assert!(told.contains("another build") && told.contains("the same answer, byte for byte"), "{told}");
    capture["answer"]["label"] = json!("9+");
    author.put("capture.json", &capture);
    let told = author.fails("cap", &["replay", "../capture.json"]);
    assert!(told.contains("-     \"label\": \"9+\"") && told.contains("+     \"label\": null"), "{told}");
    capture["config"] = json!({"cap": "many"});
    author.put("capture.json", &capture);
    assert!(author.fails("cap", &["replay", "../capture.json"]).contains("invalid_config"));
}

#[test]
fn what_is_wrong_is_told_with_what_would_be_right() {
    let author = Author::new();
    assert!(author.fails(".", &["build"]).contains("no rule.toml; run this in a rule's folder"));
    assert!(author.fails(".", &["new", "My Rule", "--world", "view"]).contains("can't name a rule: 1 to 64 of a-z"));
    author.done(".", &["new", "mine", "--world", "view", "--lang", "js"]);
    assert!(author.fails(".", &["new", "mine", "--world", "view"]).contains("mine exists already"));
    let told = author.fails("mine", &["build"]);
    assert!(told.contains("npm install"), "{told}");
    let output = author.rule(".", &["new", "other", "--world", "prices"]);
    assert!(text(&output.stderr).contains("view, allocation, ranking or pricing"));
}
