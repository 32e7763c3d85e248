use onhand_rule::pricing::{Attribute, Customer, Money};

use super::*;

fn request(segment: Option<&str>) -> Request {
    let customer = Customer { id: "c-1".into(), segment: segment.map(str::to_owned) };
    Request { at: 0, channel: None, currency: "GBP".into(), customer: Some(customer), destination: None }
}

fn line(quantity: u32, price: i64) -> AskedLine {
    AskedLine {
        line: 0,
        sku: "22423".into(),
        name: None,
        brand: None,
        attributes: vec![],
        quantity,
        list_price: Some(Money { amount: price, currency: "GBP".into() }),
    }
}

fn settings() -> Config {
    Config::from([("breaks", "10:5, 50:12"), ("segments", "trade:10,staff:25"), ("floor", "70")])
}

/// The labels with their amounts.
fn adjusted(segment: Option<&str>, line: AskedLine) -> Vec<(String, i64)> {
    let prices = TieredPricing::price(&settings(), request(segment), vec![line]).unwrap();
    assert!(prices[0].adjustments.iter().all(|adjustment| adjustment.target == Target::Unit));
    prices[0].adjustments.iter().map(|adjustment| (adjustment.label.clone(), adjustment.amount)).collect()
}

fn told(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(label, amount)| ((*label).to_owned(), *amount)).collect()
}

#[test]
fn the_largest_break_that_the_quantity_reaches_holds() {
    assert_eq!(adjusted(None, line(9, 1000)), []);
    assert_eq!(adjusted(None, line(10, 1000)), told(&[("10 or more: 5 % off", -50)]));
    assert_eq!(adjusted(None, line(49, 1000)), told(&[("10 or more: 5 % off", -50)]));
    assert_eq!(adjusted(None, line(50, 1000)), told(&[("50 or more: 12 % off", -120)]));
}

#[test]
fn a_segment_adds_to_a_break_and_discounts_round_down() {
    assert_eq!(
        adjusted(Some("trade"), line(10, 1019)),
        told(&[("10 or more: 5 % off", -50), ("trade: 10 % off", -101)])
    );
    assert_eq!(adjusted(Some("nobody"), line(1, 1019)), []);
}

#[test]
fn nothing_goes_below_the_floor() {
    let expected = told(&[("50 or more: 12 % off", -120), ("staff: 25 % off", -250), ("Floor price", 70)]);
    assert_eq!(adjusted(Some("staff"), line(50, 1000)), expected);
    let mut own = line(50, 1000);
    own.attributes = vec![Attribute { name: "floor_price".into(), value: "950".into() }];
    assert_eq!(adjusted(None, own), told(&[("50 or more: 12 % off", -120), ("Floor price", 70)]));
    let mut high = line(1, 1000);
    high.attributes = vec![Attribute { name: "floor_price".into(), value: "5000".into() }];
    assert_eq!(adjusted(None, high), [], "a floor above the list price raised it");
}

#[test]
fn what_has_no_price_in_the_currency_is_refused() {
    for price in [None, Some(Money { amount: 5, currency: "EUR".into() })] {
        let asked = AskedLine { list_price: price, ..line(1, 0) };
        let answer = TieredPricing::price(&settings(), request(None), vec![asked]);
        assert_eq!(answer, Err(Error::Refused("22423 has no price in GBP".into())));
    }
}

#[test]
fn a_wrong_setting_is_named() {
    for (name, value) in [("breaks", "ten:5"), ("breaks", "10"), ("segments", "trade:101"), ("floor", "101")] {
        let answer = TieredPricing::price(&Config::from([(name, value)]), request(None), vec![line(1, 5)]);
        assert!(matches!(&answer, Err(Error::InvalidConfig(told)) if told.starts_with(name)), "{answer:?}");
    }
}
