//! Invariant 6: a rule cannot delay its caller beyond its deadline, use more than its memory, or
//! leave anything behind for the next call.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use onhand_rules::{Config, Fault, INPUT_BYTES, Reason, RuleInput, Rules, Trial};

use crate::support::*;

/// Far above any deadline here, far below for ever: a busy machine must not fail a test.
const BOUND: Duration = Duration::from_secs(10);

fn allocate(rules: &Rules) -> Fault {
    rules.allocate("hostile", &ten_asked()).expect_err("an answer")
}

fn view(rules: &Rules) -> Fault {
    rules.view(&view_input(&[("eu-1", 5)])).expect("a rule").expect_err("an answer")
}

/// With the deadlines that are the default.
fn impatient(mut folder: Folder) -> Rules {
    let Config { deadline, batch_deadline, .. } = Config::default();
    folder.config.deadline = deadline;
    folder.config.batch_deadline = batch_deadline;
    folder.load()
}

fn cut_off(call: impl FnOnce() -> Fault) {
    let start = Instant::now();
    assert_eq!(call().reason, Reason::Deadline);
    assert!(start.elapsed() < BOUND);
}

#[test]
fn a_loop_is_cut_off_at_the_deadline() {
    let rules = impatient(Folder::new().add("hostile", &built("hostile"), "config.behaviour = \"loop\""));
    cut_off(|| allocate(&rules));
    let rules = impatient(Folder::new().add("hostile-view", &built("hostile-view"), "config.behaviour = \"loop\""));
    cut_off(|| view(&rules));
}

#[test]
fn a_loop_through_the_host_is_cut_off_too() {
    let rules = impatient(Folder::new().add("hostile", &built("hostile"), "config.behaviour = \"log_flood\""));
    cut_off(|| allocate(&rules));
}

/// Instantiation runs code of the guest, before the call proper.
#[test]
fn a_start_function_that_loops_is_cut_off() {
    let component = view_of(&module(1, "(func $start (loop (br 0))) (start $start)"));
    let rules = impatient(Folder::new().add("starts", &component, ""));
    cut_off(|| view(&rules));
}

#[test]
fn memory_is_capped_and_others_go_on() {
    let folder = Folder::new().add("hostile", &built("hostile"), "config.behaviour = \"grow\"").add(
        "honest",
        &built("hostile"),
        "",
    );
    let rules = folder.load();
    for _ in 0..3 {
        assert_eq!(allocate(&rules).reason, Reason::Memory);
        assert!(rules.allocate("honest", &ten_asked()).is_ok());
    }
    assert_eq!(view(&hostile_view("grow")).reason, Reason::Memory);
}

#[test]
fn a_trap_is_told_with_its_backtrace() {
    let fault = allocate(&hostile("trap"));
    assert_eq!((fault.rule.as_str(), &fault.reason), ("hostile", &Reason::Trap));
    assert!(fault.detail.contains("misbehave"), "no symbols: {}", fault.detail);
    assert_eq!(view(&hostile_view("trap")).reason, Reason::Trap);
    assert_eq!(allocate(&hostile("stack")).reason, Reason::Trap);
}

#[test]
fn a_panics_text_is_in_the_log() {
    let settings = BTreeMap::from([("behaviour".to_owned(), "trap".to_owned())]);
    let trial = Trial::new(&Config::default(), "hostile", &built("hostile"), "").unwrap();
    let ran = trial.run(&RuleInput::Allocation(ten_asked()), &settings, BOUND);
    assert_eq!(ran.answer.unwrap_err().reason, Reason::Trap);
    assert!(ran.log[0].contains("as asked"), "{:?}", ran.log);
}

#[test]
fn nothing_survives_from_one_call_to_the_next() {
    let rules = hostile("count");
    for _ in 0..3 {
        let plan = rules.allocate("hostile", &ten_asked()).unwrap();
        assert_eq!(plan.allocations[0].quantity, 1, "the rule's own counter went on");
    }
}

#[test]
fn an_answer_over_the_limit_is_not_read() {
    assert_eq!(allocate(&hostile("huge")).reason, Reason::TooLarge);
    assert_eq!(view(&hostile_view("huge_label")).reason, Reason::TooLarge);
}

#[test]
fn input_over_the_limit_is_not_given() {
    let rules = hostile("");
    let name = |n: usize| format!("eu-{n:028}");
    let places: Vec<String> = (0..INPUT_BYTES / 90).map(name).collect();
    let places: Vec<(&str, f64)> = places.iter().map(|name| (name.as_str(), 0.0)).collect();
    let input = |places| allocation_input(&[("a", 1)], places, &[("a", places[0].0, 5, 0)]);
    assert_eq!(rules.allocate("hostile", &input(&places)).unwrap_err().reason, Reason::InputTooLarge);
    assert!(rules.allocate("hostile", &input(&places[..1000])).is_ok());
}

#[test]
fn more_calls_than_there_is_room_for_are_refused_not_queued() {
    let folder = Folder::new().add("hostile", &built("hostile"), "config.behaviour = \"loop\"").add(
        "honest",
        &built("hostile"),
        "",
    );
    let rules = impatient(folder);
    thread::scope(|scope| {
        let calls: Vec<_> = (0..100).map(|_| scope.spawn(|| allocate(&rules).reason)).collect();
        for call in calls {
            let reason = call.join().unwrap();
            assert!(matches!(reason, Reason::Deadline | Reason::Busy), "{reason}");
        }
    });
    // Every slot came back.
    for _ in 0..100 {
        let answer = rules.allocate("honest", &ten_asked());
        assert!(!matches!(answer, Err(Fault { reason: Reason::Busy, .. })));
    }
}
