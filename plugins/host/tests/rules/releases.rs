//! What a release must get through before it is used: signature, compilation in bounds, limits, fixtures.

use std::path::PathBuf;

use onhand_http::setting::{Size, Span};
use onhand_rules::{CapturedCall, Config, Fixture, Reason, Rules, Trial};

use crate::support::*;

fn compiled_within(time: Span, memory: Size) -> Folder {
    let mut folder = Folder::new();
    folder.config.compiler = Some(PathBuf::from(env!("CARGO_BIN_EXE_compile-rule")));
    (folder.config.compile_time, folder.config.compile_memory) = (time, memory);
    folder
}

/// Small as a file, large to compile: one function that is long.
fn bomb() -> Vec<u8> {
    let step = "i32.const 8 i32.load i32.add ";
    view_of(&module(1, &format!("(func (result i32) i32.const 0 {})", step.repeat(50_000))))
}

#[test]
fn a_component_that_takes_too_long_or_too_much_to_compile_is_refused() {
    let bomb = bomb();
    let slow = compiled_within(Span::ms(1), Size(1 << 30)).add("bomb", &bomb, "").refused();
    assert!(slow.contains("bomb.wasm: can't be compiled: it took longer than rules.compile_time"), "{slow}");
    let large = compiled_within(Span::s(60), Size(12 << 20)).add("bomb", &bomb, "").refused();
    assert!(large.contains("bomb.wasm: can't be compiled: it took more than rules.compile_memory"), "{large}");
    let whole = built("channel-buffer");
    compiled_within(Span::s(60), Size(1 << 30)).add("fits", &whole, "").load();
    let broken = compiled_within(Span::s(60), Size(1 << 30)).add("half", &whole[..whole.len() / 2], "").refused();
    assert!(broken.contains("half.wasm: not a valid component"), "{broken}");
}

#[test]
fn a_release_may_ask_for_more_up_to_the_operators_caps() {
    let component = built("hostile");
    let load = |limits: &str, change: fn(&mut Config)| {
        let mut folder = Folder::new().add("asks", &component, &format!("[limits]\n{limits}"));
        (folder.config.deadline, folder.config.batch_deadline) = (Span::ms(5), Span::ms(2));
        change(&mut folder.config);
        Rules::load(&folder.config).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load("deadline = \"50ms\"\nmemory = \"128MiB\"\ncomponent_size = \"40MiB\"", |_| ()), Ok(()));
    let refused = |limits, change| load(limits, change).unwrap_err();
    assert!(refused("deadline = \"51ms\"", |_| ()).contains("rules.max_deadline"));
    assert!(refused("memory = \"129MiB\"", |_| ()).contains("rules.max_memory"));
    assert!(refused("component_size = \"41MiB\"", |_| ()).contains("rules.max_component_size"));
    assert!(refused("", |config| config.component_size = Size(1024)).contains("rules.component_size allows 1024"));
    assert_eq!(load("component_size = \"1MiB\"", |config| config.component_size = Size(1024)), Ok(()));
    assert!(refused("fuel = 3", |_| ()).contains("fuel"));
}

/// More than the default, less than was asked for.
#[test]
fn the_memory_that_was_asked_for_is_there_and_no_more() {
    let large = view_of(&module(1000, ""));
    let error = Folder::new().add("large", &large, "").refused();
    assert!(error.contains("its memory has 65536000 bytes from the start; it may have 10485760"), "{error}");
    Folder::new().add("large", &large, "limits.memory = \"64MiB\"").load();
}

pub(crate) const WRONG: &str = r#"{"config": {}, "input": {"at": "2026-01-31T09:30:00Z", "currency": "GBP",
    "lines": [{"line": 0, "sku": "22423", "quantity": 2, "list_price": {"amount": 255, "currency": "GBP"}}]},
    "expected": [{"line": 0, "unit_price": {"amount": 255, "currency": "GBP"}, "adjustments": [],
    "total": {"amount": 511, "currency": "GBP"}}]}"#;

#[test]
fn a_release_that_fails_its_self_test_never_takes() {
    let folder = Folder::new().add("tiered-pricing", &built("tiered-pricing"), "");
    let right = WRONG.replace("511", "510");
    folder.put("tiered-pricing.fixtures/right.json", right.as_bytes());
    let rules = folder.load();
    let release = rules.report().rules[0].releases[0].clone();
    assert_eq!((release.stage, release.fixtures), ("full", 1));

    folder.put("tiered-pricing.fixtures/wrong.json", WRONG.as_bytes());
    folder.put("tiered-pricing.toml", b"config.breaks = \"1:50\"");
    let error = rules.reload().unwrap_err().to_string();
    assert!(error.contains("fixture wrong.json: it answers") && error.contains("\"amount\":510"), "{error}");
    assert_eq!(rules.report().refused, [error]);
    let price = rules.price(&pricing_input(&[(2, Some(255))])).unwrap().unwrap();
    assert_eq!(price.lines[0].total.amount, 510, "the release that failed answers");

    folder.put("tiered-pricing.fixtures/wrong.json", right.replace("sku", "skew").as_bytes());
    let error = rules.reload().unwrap_err().to_string();
    assert!(
        error.contains("fixture wrong.json: input: does not fit a pricing rule: ") && error.contains("skew"),
        "{error}"
    );
    let refused = r#"{"input": {"at": "2026-01-31T09:30:00Z", "currency": "EUR", "lines":
        [{"line": 0, "sku": "22423", "quantity": 2}]}, "expected_error": "refused"}"#;
    folder.put("tiered-pricing.fixtures/wrong.json", refused.as_bytes());
    rules.reload().unwrap();
    let price = rules.price(&pricing_input(&[(2, Some(255))])).unwrap().unwrap();
    assert_eq!(price.lines[0].total.amount, 256, "the release that got through does not answer");
}

#[test]
fn a_failing_call_is_kept_and_fails_again_when_it_is_replayed() {
    let kept = tempfile::tempdir().unwrap();
    let component = built("hostile");
    let beside = "config.behaviour = \"too_much\"";
    let mut folder = Folder::new().add("hostile", &component, beside);
    folder.config.samples_dir = kept.path().to_str().unwrap().to_owned();
    folder.load().allocate("hostile", &ten_asked()).unwrap_err();
    let sample = eventually(|| {
        std::fs::read_dir(kept.path())
            .unwrap()
            .flatten()
            .map(|file| file.path())
            .find(|file| file.extension().is_some_and(|end| end == "json"))
    });
    let sample: CapturedCall = serde_json::from_slice(&std::fs::read(sample).unwrap()).unwrap();
    assert_eq!((sample.rule.as_str(), sample.fault.as_ref().unwrap().reason.as_str()), ("hostile", "wrong_answer"));
    let input = sample.input().unwrap();
    assert_eq!(Some(input.digest()), sample.digest);
    let trial = Trial::new(&folder.config, "hostile", &component, beside).unwrap();
    assert_eq!(trial.component(), sample.component);
    let ran = trial.run(&input, &sample.config, std::time::Duration::from_secs(20));
    let fault = ran.answer.unwrap_err();
    assert_eq!(fault.detail, sample.fault.unwrap().detail);
    assert!(ran.memory > 1 << 16);
}

#[test]
fn samples_are_few() {
    let kept = tempfile::tempdir().unwrap();
    let mut folder = Folder::new();
    for name in ["a", "b", "c", "d"] {
        folder = folder.add(name, &built("hostile"), "config.behaviour = \"trap\"");
    }
    (folder.config.samples_dir, folder.config.samples) = (kept.path().to_str().unwrap().to_owned(), 2);
    let rules = folder.load();
    for name in ["a", "b", "c", "d"] {
        rules.allocate(name, &ten_asked()).unwrap_err();
        eventually(|| names(kept.path()).iter().any(|file| file.starts_with(&format!("{name}-"))).then_some(()));
    }
    eventually(|| (names(kept.path()).len() == 2).then_some(()));
}

#[test]
fn a_call_that_was_too_large_is_told_of_and_those_after_it_are_kept() {
    let kept = tempfile::tempdir().unwrap();
    let trap = "config.behaviour = \"trap\"";
    let mut folder = Folder::new().add("large", &built("hostile"), trap).add("trap", &built("hostile"), trap);
    folder.config.samples_dir = kept.path().to_str().unwrap().to_owned();
    let rules = folder.load();
    let mut large = ten_asked();
    large.locations[0].region = Some("x".repeat(2 << 20));
    assert_eq!(rules.allocate("large", &large).unwrap_err().reason, Reason::InputTooLarge);
    rules.allocate("trap", &ten_asked()).unwrap_err();
    let begins = |name: &str| eventually(|| names(kept.path()).into_iter().find(|file| file.starts_with(name)));
    begins("trap-");
    let sample = std::fs::read(kept.path().join(begins("large-"))).unwrap();
    let sample: CapturedCall = serde_json::from_slice(&sample).unwrap();
    assert_eq!((sample.fault.as_ref().unwrap().reason.as_str(), &sample.digest), ("input_too_large", &None));
}

fn names(dir: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(dir).unwrap().flatten();
    files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_guest_that_insists_on_wasi_gets_an_empty_one() {
    let rules = Folder::new().add("clock", &view_with_a_clock("wasi"), "").load();
    assert!(rules.report().rules[0].releases[0].wasi);
    let shown = rules.view(&view_input(&[("eu-1", 5)])).unwrap().unwrap();
    assert!(shown.locations.is_empty());
}

#[test]
fn a_fixture_says_what_is_wrong_with_it() {
    let told = |text: &str| Fixture::parse(onhand_rules::World::View, text.as_bytes()).unwrap_err().to_string();
    assert!(told("{}").contains("missing field `input`"));
    assert!(told(r#"{"input": {"sku": "a", "locations": []}}"#).contains("neither or both of `expected`"));
    assert!(
        told(r#"{"input": {"sku": "a"}, "expected": {}}"#).contains("input: does not fit a view rule: missing field")
    );
    assert!(told(r#"{"inputs": {}}"#).contains("inputs"));
}
