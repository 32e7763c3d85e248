//! Prices: what the example answers through the sandbox, and which answers do not stand.

use onhand_rules::{LinePrice, Reason};

use crate::support::*;

fn wrong(behaviour: &str) -> String {
    let fault = hostile_pricing(behaviour).price(&pricing_input(&[(3, Some(255)), (1, None)])).unwrap().unwrap_err();
    let Reason::WrongAnswer(what) = fault.reason else { panic!("{fault}") };
    what
}

#[test]
fn tiered_pricing_prices_and_says_why() {
    let rules = alone("tiered-pricing", "breaks = \"10:5\"\nsegments = \"trade:10\"");
    let prices = rules.price(&pricing_input(&[(10, Some(1000)), (1, Some(0))])).unwrap().unwrap();
    assert_eq!(prices.rule, "tiered-pricing");
    let LinePrice { line, unit_price, adjustments, total } = &prices.lines[0];
    assert_eq!((*line, unit_price.amount, total.amount, total.currency.as_str()), (0, 1000, 8500, "GBP"));
    let told: Vec<_> = adjustments.iter().map(|part| (part.label.as_str(), part.amount)).collect();
    assert_eq!(told, [("10 or more: 5 % off", -500), ("trade: 10 % off", -1000)]);
    assert_eq!((prices.lines[1].line, prices.lines[1].total.amount), (1, 0));
}

#[test]
fn a_price_is_in_the_quotes_currency_and_not_below_nothing() {
    assert_eq!(wrong("other_currency"), "XXX instead of GBP for line 0");
    assert_eq!(wrong("negative_price"), "a unit price of -1 for line 0");
    assert_eq!(wrong("negative_total"), "a total of -999235 for line 0");
}

#[test]
fn every_line_has_one_price() {
    assert_eq!(wrong("left_out"), "line 1 has no price");
    assert_eq!(wrong("twice"), "line 0 is priced twice");
    assert_eq!(wrong("unknown_line"), "line 1000 was not asked");
}

#[test]
fn adjustments_are_few_with_short_plain_labels() {
    assert_eq!(wrong("long_label"), "a label without 1 to 64 characters for line 0");
    assert_eq!(wrong("control_label"), "a control character in a label for line 0");
    assert_eq!(wrong("many"), "17 adjustments, of 16 for line 0");
    let fault = hostile_pricing("huge").price(&pricing_input(&[(1, None)])).unwrap().unwrap_err();
    assert_eq!(fault.reason, Reason::TooLarge);
}

#[test]
fn a_rule_applies_by_channel_and_its_failure_may_refuse() {
    let folder = Folder::new().add(
        "strict",
        &built("hostile-pricing"),
        "channels = [\"web\"]\nrefuse_on_failure = true\n[config]\nbehaviour = \"trap\"",
    );
    let rules = folder.load();
    let mut input = pricing_input(&[(1, Some(5))]);
    assert!(rules.price(&input).unwrap().unwrap_err().refuse);
    input.channel = Some(channel("app"));
    assert!(rules.price(&input).is_none());
    assert!(!hostile_pricing("trap").price(&input).unwrap().unwrap_err().refuse);
    let settings = "refuse_on_failure = true";
    let allocation = Folder::new().add("hostile", &built("hostile"), settings);
    assert!(allocation.refused().contains("`refuse_on_failure` beside it is for views and pricings"));
}
