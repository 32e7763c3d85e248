//! Every way to misbehave, from the caller's side: the fault has its reason, the metric and the log name the
//! rule and the reason, the next caller is served, and the memory comes back. What is refused before it can
//! run (bombs, half files, bad signatures, other worlds) is in `loading` and `releases`.

use std::fs;

use onhand_rules::{Fault, Reason, Rules};
use prometheus::{Registry, TextEncoder};

use crate::{accounts::logged, support::*};

/// Setting, beside it, what comes of it.
const ALLOCATIONS: [(&str, &str, &str); 13] = [
    ("loop", "", "deadline"),
    ("log_flood", "", "deadline"),
    ("stack", "", "trap"),
    ("trap", "", "trap"),
    ("grow", "", "memory"),
    ("grow", "limits.memory = \"64MiB\"", "memory"),
    ("huge", "", "too_large"),
    ("unknown_location", "", "wrong_answer"),
    ("unknown_line", "", "wrong_answer"),
    ("too_much", "", "wrong_answer"),
    ("more_than_there_is", "", "wrong_answer"),
    ("nothing", "", "wrong_answer"),
    ("twice", "", "wrong_answer"),
];

const PRICINGS: [(&str, &str); 6] = [
    ("negative_price", "wrong_answer"),
    ("negative_total", "wrong_answer"),
    ("other_currency", "wrong_answer"),
    ("left_out", "wrong_answer"),
    ("huge", "too_large"),
    ("trap", "trap"),
];

fn metrics(rules: &Rules) -> String {
    let registry = Registry::new();
    rules.register(&registry).unwrap();
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

fn accounted(rules: &Rules, rule: &str, reason: &str, call: impl FnOnce() -> Fault) {
    let mut fault = None;
    let log = logged(|| fault = Some(call()));
    let fault = fault.unwrap();
    assert_eq!((fault.rule.as_str(), fault.reason.as_str()), (rule, reason), "{fault}");
    assert!(log.contains(&format!(r#""rule":"{rule}""#)) && log.contains(&format!(r#""reason":"{reason}""#)), "{log}");
    let counted = format!(r#"rules_failures_total{{reason="{reason}",rule="{rule}"}} 1"#);
    assert!(metrics(rules).contains(&counted), "no {counted}");
}

#[test]
fn every_hostile_allocation_is_told_apart_and_hurts_nobody() {
    let component = built("hostile");
    for (behaviour, beside, reason) in ALLOCATIONS {
        let settings = format!("{beside}\nlimits.deadline = \"20s\"\nconfig.behaviour = {behaviour:?}");
        let settings = if reason == "deadline" { settings.replace("20s", "5ms") } else { settings };
        let mut folder = Folder::new().add("bad", &component, &settings).add("honest", &component, "");
        folder.config.max_deadline = onhand_http::setting::Span::s(20);
        let rules = folder.load();
        accounted(&rules, "bad", reason, || rules.allocate("bad", &ten_asked()).unwrap_err());
        assert!(rules.allocate("honest", &ten_asked()).is_ok(), "after {behaviour}");
    }
}

#[test]
fn every_hostile_pricing_is_told_apart_and_hurts_nobody() {
    let component = built("hostile-pricing");
    for (behaviour, reason) in PRICINGS {
        let settings = format!("channels = [\"web\"]\nconfig.behaviour = {behaviour:?}");
        let rules = Folder::new().add("bad", &component, &settings).add("honest", &component, "").load();
        let mut input = pricing_input(&[(3, Some(255))]);
        accounted(&rules, "bad", reason, || rules.price(&input).unwrap().unwrap_err());
        input.channel = None;
        assert_eq!(rules.price(&input).unwrap().unwrap().rule, "honest");
    }
}

#[test]
fn a_start_function_that_traps_is_a_trap() {
    let rules =
        Folder::new().add("starts", &view_of(&module(1, "(func $start unreachable) (start $start)")), "").load();
    accounted(&rules, "starts", "trap", || rules.view(&view_input(&[("eu-1", 5)])).unwrap().unwrap_err());
}

#[test]
fn an_answer_of_twenty_megabytes_is_not_read() {
    let rules = Folder::new().add("vast", &view_of_twenty_megabytes(), "limits.memory = \"64MiB\"").load();
    accounted(&rules, "vast", "too_large", || rules.view(&view_input(&[("eu-1", 5)])).unwrap().unwrap_err());
}

/// `memory.grow` up to the cap is no fault by itself; the page after the cap is not there.
#[test]
fn memory_may_be_grown_to_the_cap_and_comes_back() {
    let grows = |pages: u32| {
        let start = format!(
            "(func $start (if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable))
                (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536)))) (start $start)"
        );
        Folder::new().add("grows", &view_of(&module(1, &start)), "").load()
    };
    let call = |rules: &Rules| rules.view(&view_input(&[("eu-1", 5)])).unwrap().unwrap_err();
    let (fits, beyond) = (grows(159), grows(160));
    // Past the start function, its view is nothing but a trap.
    assert_eq!(call(&fits).reason, Reason::Trap);
    assert_eq!(fits.report().rules[0].releases[0].memory_peak_bytes, 10 << 20);
    assert_eq!(call(&beyond).reason, Reason::Memory);
    let before = resident();
    for _ in 0..200 {
        call(&fits);
    }
    let more = resident().saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes stay of 200 calls with 10 MiB each");
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
