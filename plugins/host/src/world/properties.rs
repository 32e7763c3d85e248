//! Compares the checks of answers with naive ones, written from the WIT: whatever a guest answers, both must say the
//! same. PROPTEST_CASES runs these for longer; plugins/fuzz has a coverage-guided fuzzer.

use std::collections::BTreeMap;

use onhand_wire::{LocationId, Money, Sku, Timestamp};
use proptest::{collection::vec, prelude::*};

use crate::world::{
    allocation::{self, AllocationInput, AskedLine, Candidate, Offer},
    pricing::{self, PricingInput, PricingLine},
};

const SKUS: [&str; 2] = ["a", "b"];

fn location(number: usize) -> LocationId {
    LocationId::new(&format!("eu-{number}")).unwrap()
}

fn input(lines: &[(usize, i64)], places: usize, offers: &[Option<(i64, i64)>]) -> AllocationInput {
    let line = |(line, &(item, quantity)): (u32, &(usize, i64))| AskedLine {
        line: line * 3,
        sku: Sku::new(SKUS[item]).unwrap(),
        quantity,
    };
    let candidate =
        |at| Candidate { location: location(at), region: None, priority: 0, lat: None, lon: None, pickup: false };
    let offer = |(at, offer): (usize, &Option<(i64, i64)>)| {
        offer.map(|(available, backorderable)| Offer {
            sku: Sku::new(SKUS[at % 2]).unwrap(),
            location: location(at / 2),
            available,
            backorderable,
        })
    };
    AllocationInput {
        at: Timestamp::default(),
        channel: None,
        destination: None,
        lines: (0..).zip(lines).map(line).collect(),
        locations: (0..places).map(candidate).collect(),
        stock: offers.iter().enumerate().filter_map(offer).collect(),
    }
}

/// What the WIT requires of a plan, each requirement by itself.
fn may_stand(input: &AllocationInput, plan: &[(u32, u32, u32)]) -> bool {
    let sku = |line: u32| input.lines.iter().find(|asked| asked.line == line).map(|asked| (&asked.sku, asked.quantity));
    let (mut by_line, mut by_offer, mut pairs) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for &(line, at, quantity) in plan {
        let (Some((item, _)), Some(place)) = (sku(line), input.locations.get(at as usize)) else { return false };
        if quantity == 0 || pairs.contains(&(line, at)) {
            return false;
        }
        pairs.push((line, at));
        *by_line.entry(line).or_insert(0) += i64::from(quantity);
        *by_offer.entry((item, &place.location)).or_insert(0) += i64::from(quantity);
    }
    let offered = |item: &Sku, at: &LocationId| {
        let offer = input.stock.iter().find(|offer| offer.sku == *item && offer.location == *at);
        offer.map_or(0, |offer| offer.available.max(0) + offer.backorderable.max(0))
    };
    by_line.iter().all(|(line, units)| sku(*line).is_some_and(|(_, asked)| *units <= asked))
        && by_offer.iter().all(|((item, at), units)| *units <= offered(item, at))
}

fn gbp(amount: i64) -> Money {
    Money { amount, currency: "GBP".to_owned() }
}

fn quote(quantities: &[i64]) -> PricingInput {
    let line = |(line, &quantity): (u32, &i64)| PricingLine {
        line,
        sku: Sku::new("a").unwrap(),
        name: None,
        brand: None,
        attributes: BTreeMap::new(),
        quantity,
        list_price: Some(gbp(5)),
    };
    let lines = (0..).zip(quantities).map(line).collect();
    PricingInput {
        at: Timestamp::default(),
        channel: None,
        currency: "GBP".to_owned(),
        customer: None,
        destination: None,
        lines,
    }
}

fn amounts() -> impl Strategy<Value = i64> {
    prop_oneof![-20..200_i64, Just(1_000_000_000_000), Just(1_000_000_000_001), Just(i64::MIN), Just(i64::MAX)]
}

proptest! {
    #[test]
    fn a_plan_stands_where_the_naive_check_lets_it(
        lines in vec((0..2_usize, 1..6_i64), 1..4),
        offers in vec(proptest::option::of((-2..6_i64, -2..3_i64)), 6),
        plan in vec((prop_oneof![4 => (0..4_u32).prop_map(|line| line * 3), 1 => any::<u32>()],
                     prop_oneof![6 => 0..3_u32, 1 => any::<u32>()],
                     prop_oneof![6 => 0..4_u32, 1 => any::<u32>()]), 0..5),
    ) {
        let input = input(&lines, 3, &offers);
        let answered: Vec<_> = plan
            .iter()
            .map(|&(line, location, quantity)| allocation::AnsweredPart { line, location, quantity })
            .collect();
        let checked = input.check(&answered);
        prop_assert_eq!(checked.is_ok(), may_stand(&input, &plan), "{:?}", checked);
    }

    #[test]
    fn ranks_stand_if_there_is_one_in_range_for_each_location(ranks in vec(proptest::option::of(any::<i32>()), 0..5)) {
        let right = ranks.len() == 3 && ranks.iter().flatten().all(|rank| rank.unsigned_abs() <= 1_000_000_000);
        prop_assert_eq!(input(&[(0, 1)], 3, &[]).check_ranks(&ranks).is_ok(), right);
    }

    #[test]
    fn prices_stand_if_each_line_has_one_that_adds_up(
        quantities in vec(1..1_000_000_000_i64, 1..4),
        prices in vec((0..4_u32, amounts(), prop_oneof![9 => Just("GBP"), 1 => Just("EUR")],
                       vec((any::<bool>(), amounts(), prop_oneof![9 => Just("off"), 1 => Just(""), 1 => Just("\n")]), 0..3)), 0..4),
    ) {
        let asked = quote(&quantities);
        let total = |line: u32, unit: i64, parts: &[(bool, i64, &str)]| {
            let quantity = i128::from(quantities[line as usize]);
            let parts = parts.iter().map(|(each, amount, _)| i128::from(*amount) * if *each { quantity } else { 1 });
            i128::from(unit) * quantity + parts.sum::<i128>()
        };
        let most = 1_000_000_000_000;
        let fair = |(line, unit, currency, parts): &(u32, i64, &str, Vec<(bool, i64, &str)>)| {
            (*line as usize) < quantities.len()
                && (0..=most).contains(unit)
                && *currency == "GBP"
                && parts.iter().all(|(_, amount, label)| (-most..=most).contains(amount) && *label == "off")
                && parts.iter().all(|(each, amount, _)| {
                    let quantity = if *each { i128::from(quantities[*line as usize]) } else { 1 };
                    i64::try_from(i128::from(*amount) * quantity).is_ok()
                })
                && (0..=1_000_000_000_000_000).contains(&total(*line, *unit, parts))
        };
        let mut lines: Vec<u32> = prices.iter().map(|price| price.0).collect();
        lines.sort_unstable();
        let right = lines.into_iter().eq(0..quantities.len() as u32) && prices.iter().all(fair);
        let adjusted = |&(each, amount, label): &(bool, i64, &str)| pricing::AnsweredAdjustment { label: label.to_owned(), each, amount };
        let answered = prices.iter().map(|(line, amount, currency, parts)| pricing::AnsweredLine {
            line: *line,
            amount: *amount,
            currency: (*currency).to_owned(),
            adjustments: parts.iter().map(adjusted).collect(),
        });
        let checked = asked.check(answered.collect());
        prop_assert_eq!(checked.is_ok(), right, "{:?}", checked);
        for (price, (line, unit, _, parts)) in checked.into_iter().flatten().zip(sorted(&prices)) {
            prop_assert_eq!(i128::from(price.total.amount), total(*line, *unit, parts));
        }
    }
}

type Priced<'a> = (u32, i64, &'a str, Vec<(bool, i64, &'a str)>);

fn sorted<'a, 'b>(prices: &'b [Priced<'a>]) -> Vec<&'b Priced<'a>> {
    let mut sorted: Vec<_> = prices.iter().collect();
    sorted.sort_by_key(|price| price.0);
    sorted
}
