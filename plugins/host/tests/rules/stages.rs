//! Shadow, canary, full; what loses its traffic, and what comes back.

use onhand_http::setting::Span;
use onhand_rules::{Fault, Reason, ReleaseReport, Rules};
use onhand_wire::Timestamp;

use crate::support::*;

fn release(rules: &Rules, stage: &str) -> Option<ReleaseReport> {
    rules.report().rules.into_iter().flat_map(|rule| rule.releases).find(|release| release.stage == stage)
}

#[test]
fn a_shadow_is_compared_and_never_used() {
    let component = built("tiered-pricing");
    let folder = Folder::new().add("tiered-pricing", &component, "").add(
        "tiered-pricing.next",
        &component,
        "stage = \"shadow\"\nconfig.breaks = \"10:5\"",
    );
    let rules = folder.load();
    // One in four reaches the break that only the shadow has.
    for call in 0..200 {
        let quantity = if call % 4 == 0 { 10 } else { 1 };
        let prices = rules.price(&pricing_input(&[(quantity, Some(1000))])).unwrap().unwrap();
        assert_eq!(prices.lines[0].total.amount, quantity * 1000, "the shadow answered");
    }
    let compared = || release(&rules, "shadow").unwrap().compared;
    eventually(|| (compared().values().sum::<u64>() == 200).then_some(()));
    assert_eq!((compared()["same"], compared()["different"]), (150, 50));
    assert_eq!(release(&rules, "full").unwrap().calls, 200);
}

#[test]
fn a_shadow_that_fails_or_loops_costs_nobody_anything() {
    let component = built("hostile");
    for behaviour in ["trap", "loop"] {
        let mut folder = Folder::new().add("hostile", &component, "").add(
            "hostile.next",
            &component,
            &format!("limits.deadline = \"20ms\"\nconfig.behaviour = {behaviour:?}"),
        );
        (folder.config.max_failure_rate, folder.config.failure_calls) = (0.5, 5);
        folder.config.max_deadline = Span::s(20);
        let rules = folder.load();
        eventually(|| {
            rules.allocate("hostile", &ten_asked()).unwrap();
            release(&rules, "shadow").is_none().then_some(())
        });
        assert_eq!(rules.report().rules[0].taken_out.len(), 1);
        rules.reload().unwrap();
        assert!(release(&rules, "shadow").is_none(), "it came back unchanged");
    }
}

/// A release each for who is asked and how often it answers.
#[test]
fn a_canary_answers_its_share_and_the_same_ones_each_time() {
    let component = built("channel-buffer");
    let folder = Folder::new().add("channel-buffer", &component, "config.hide_last = \"0\"").add(
        "channel-buffer.next",
        &component,
        "stage = \"canary\"\nshare = 10\nconfig.hide_last = \"5\"",
    );
    let rules = folder.load();
    let by_canary = |item: u32| {
        let mut input = view_input(&[("eu-1", 9)]);
        input.sku = sku(&format!("sku-{item}"));
        rules.view(&input).unwrap().unwrap().locations[0].available == 4
    };
    const CALLS: u32 = 20_000;
    let first: Vec<bool> = (0..CALLS).map(by_canary).collect();
    let share = first.iter().filter(|by_canary| **by_canary).count() as f64 * 100.0 / f64::from(CALLS);
    assert!((9.0..=11.0).contains(&share), "{share} %");
    assert!((0..500).all(|item| by_canary(item) == first[item as usize]), "a SKU went from one to the other");
    let told = release(&rules, "canary").unwrap();
    assert_eq!(told.share, Some(10.0));
    assert_eq!(told.calls + release(&rules, "full").unwrap().calls, u64::from(CALLS) + 500);
}

#[test]
fn reservations_are_drawn_one_by_one() {
    let component = built("hostile");
    let folder = Folder::new().add("hostile", &component, "").add(
        "hostile.next",
        &component,
        "stage = \"canary\"\nshare = 10\nconfig.behaviour = \"refuse\"",
    );
    let rules = folder.load();
    let mut input = ten_asked();
    let mut refused = 0;
    for call in 0..10_000 {
        input.at = Timestamp::from_micros(1_700_000_000_000_000 + call * 1000);
        refused += u32::from(rules.allocate("hostile", &input).is_err());
    }
    assert!((900..=1100).contains(&refused), "{refused} of 10,000");
}

#[test]
fn a_release_that_fails_too_often_loses_its_traffic_and_the_one_before_comes_back() {
    let component = built("hostile");
    let mut folder = Folder::new().add("hostile", &component, "");
    (folder.config.max_failure_rate, folder.config.failure_calls) = (0.5, 10);
    let rules = folder.load();
    let good = release(&rules, "full").unwrap();
    rules.allocate("hostile", &ten_asked()).unwrap();

    folder.put("hostile.toml", b"config.behaviour = \"too_much\"");
    rules.reload().unwrap();
    assert_eq!(release(&rules, "previous").unwrap().since, good.since);
    let failed = (0..).take_while(|_| rules.allocate("hostile", &ten_asked()).is_err()).count();
    assert_eq!(failed, 10);
    assert_eq!(release(&rules, "full").unwrap().since, good.since);
    assert_eq!(rules.report().rules[0].taken_out.len(), 1);
    let registry = prometheus::Registry::new();
    rules.register(&registry).unwrap();
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(text.contains("rules_taken_out_total{rule=\"hostile\"} 1"), "{text}");

    rules.reload().unwrap();
    rules.allocate("hostile", &ten_asked()).expect("what was taken out came back by itself");
    folder.put("hostile.toml", b"config.behaviour = \"internal\"");
    rules.reload().unwrap();
    let failed = (0..).take_while(|_| rules.allocate("hostile", &ten_asked()).is_err()).count();
    assert_eq!(failed, 10, "another release is judged by its own calls");
}

#[test]
fn with_none_before_it_nobody_answers() {
    let component = built("hostile-pricing");
    for (refuse, answers) in [(false, false), (true, true)] {
        let beside = format!("refuse_on_failure = {refuse}\nconfig.behaviour = \"trap\"");
        let mut folder = Folder::new().add("hostile-pricing", &component, &beside);
        (folder.config.max_failure_rate, folder.config.failure_calls) = (0.0, 1);
        let rules = folder.load();
        let input = pricing_input(&[(1, Some(5))]);
        rules.price(&input).unwrap().unwrap_err();
        // The catalogue's prices hold, unless failing refuses: then it goes on refusing.
        let answer = rules.price(&input);
        assert_eq!(answer.is_some(), answers);
        assert!(
            answer.is_none_or(|answer| matches!(answer, Err(Fault { reason: Reason::TakenOut, refuse: true, .. })))
        );
    }
}

#[test]
fn a_first_release_may_be_a_canary() {
    let folder = Folder::new().add("tiered-pricing.next", &built("tiered-pricing"), "stage = \"canary\"\nshare = 100");
    let input = pricing_input(&[(1, Some(5))]);
    assert!(folder.load().price(&input).is_some());
    folder.put("tiered-pricing.next.toml", b"stage = \"canary\"\nshare = 0");
    assert!(folder.load().price(&input).is_none());
}

#[test]
fn stages_are_checked() {
    let component = built("tiered-pricing");
    let next = |beside: &str| Folder::new().add("tiered-pricing.next", &component, beside).refused();
    assert!(next("stage = \"canary\"").contains("a canary needs a `share` in percent"));
    assert!(next("share = 5").contains("a canary needs a `share` in percent"));
    assert!(next("stage = \"canary\"\nshare = 101").contains("from 0 to 100"));
    let full = Folder::new().add("tiered-pricing", &component, "stage = \"shadow\"").refused();
    assert!(full.contains("are for NAME.next.toml"));
    let other = Folder::new().add("a", &component, "").add("a.next", &built("hostile"), "");
    assert!(other.refused().contains("a.next.wasm: a allocation rule, where the release in use is a pricing rule"));
    let elsewhere = Folder::new().add("a", &component, "").add("a.next", &component, "channels = [\"web\"]");
    assert!(elsewhere.refused().contains("are not those of the release in use"));
}

#[test]
fn a_folder_is_watched_and_rolled_back_by_hand() {
    let component = built("tiered-pricing");
    let mut folder = Folder::new().add("tiered-pricing", &component, "");
    folder.config.poll = Span::ms(20);
    let rules = folder.load();
    let total = || rules.price(&pricing_input(&[(1, Some(1000))])).unwrap().unwrap().lines[0].total.amount;
    assert_eq!(total(), 1000);
    let first = release(&rules, "full").unwrap();
    folder.put("tiered-pricing.toml", b"config.breaks = \"1:5\"");
    eventually(|| (total() == 950).then_some(()));
    folder.put("tiered-pricing.toml", b"config.breaks = \"one:5\"\nchanels = []");
    eventually(|| rules.report().refused.first().filter(|told| told.contains("chanels")).map(drop));
    assert_eq!(total(), 950, "the last good release stays");
    folder.put("tiered-pricing.toml", b"");
    eventually(|| (total() == 1000).then_some(()));
    let full = release(&rules, "full").unwrap();
    assert_eq!((full.since, full.calls > first.calls), (first.since, true), "the kept release is used again");
}
