//! Whatever a guest answers: what the check lets stand keeps to what was asked and what is there.
#![no_main]

use std::collections::HashMap;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use onhand_rules::{
    AllocationInput, AskedLine, Candidate, Offer, PricingInput, PricingLine, ViewInput, ViewLocation, fuzzing,
};
use onhand_wire::{LocationId, Sku, Timestamp};

#[derive(Debug, Arbitrary)]
enum Answer {
    Plan { lines: Vec<(bool, i32)>, offers: Vec<(bool, u8, i64, i64)>, plan: Vec<fuzzing::Part> },
    Ranks(u8, Vec<Option<i32>>),
    Prices { quantities: Vec<i32>, prices: Vec<fuzzing::Price> },
    View { locations: Vec<(i64, i64)>, shown: Vec<fuzzing::Part>, label: Option<String> },
}

const PLACES: u8 = 4;

fn sku(other: bool) -> Sku {
    Sku::new(if other { "y" } else { "x" }).expect("a SKU")
}

fn place(number: usize) -> LocationId {
    LocationId::new(&format!("at-{number}")).expect("a location")
}

fn asked(lines: &[(bool, i32)], places: u8, offers: &[(bool, u8, i64, i64)]) -> AllocationInput {
    let quantity = |quantity: i32| i64::from(quantity.unsigned_abs().max(1));
    let line =
        |(line, &(other, units)): (u32, &(bool, i32))| AskedLine { line, sku: sku(other), quantity: quantity(units) };
    let candidate =
        |at| Candidate { location: place(at), region: None, priority: 0, lat: None, lon: None, pickup: false };
    // Each SKU and location once, as the host offers them.
    let offers: HashMap<_, _> = offers.iter().map(|&(other, at, a, b)| ((other, at % PLACES), (a, b))).collect();
    let offer = |((other, at), (available, backorderable))| Offer {
        sku: sku(other),
        location: place(usize::from(at)),
        available,
        backorderable,
    };
    AllocationInput {
        at: Timestamp::default(),
        channel: None,
        destination: None,
        lines: (0..).zip(lines).map(line).collect(),
        locations: (0..usize::from(places)).map(candidate).collect(),
        stock: offers.into_iter().map(offer).collect(),
    }
}

fn plan(lines: &[(bool, i32)], offers: &[(bool, u8, i64, i64)], plan: &[fuzzing::Part]) {
    let input = asked(lines, PLACES, offers);
    let Ok(plan) = fuzzing::plan(&input, plan) else { return };
    let sum = |wanted: &dyn Fn(&onhand_rules::Planned) -> bool| -> i128 {
        plan.allocations.iter().filter(|part| wanted(part)).map(|part| i128::from(part.quantity)).sum()
    };
    assert!(plan.allocations.iter().all(|part| part.quantity > 0));
    for line in &input.lines {
        assert!(sum(&|part| part.line == line.line) <= i128::from(line.quantity));
    }
    for (other, at) in [false, true].into_iter().flat_map(|other| (0..PLACES).map(move |at| (other, place(at.into()))))
    {
        let there = input.stock.iter().find(|offer| offer.sku == sku(other) && offer.location == at);
        let there =
            there.map_or(0, |offer| i128::from(offer.available.max(0)) + i128::from(offer.backorderable.max(0)));
        assert!(sum(&|part| part.location == at && input.lines[part.line as usize].sku == sku(other)) <= there);
    }
}

fn prices(quantities: &[i32], prices: Vec<fuzzing::Price>) {
    let line = |(line, quantity): (u32, &i32)| PricingLine {
        line,
        sku: sku(false),
        name: None,
        brand: None,
        attributes: Default::default(),
        quantity: i64::from(quantity.unsigned_abs().max(1)),
        list_price: None,
    };
    let input = PricingInput {
        at: Timestamp::default(),
        channel: None,
        currency: "GBP".to_owned(),
        customer: None,
        destination: None,
        lines: (0..).zip(quantities).map(line).collect(),
    };
    let Ok(prices) = fuzzing::prices(&input, prices) else { return };
    assert_eq!(prices.len(), input.lines.len());
    for (price, line) in prices.iter().zip(&input.lines) {
        let parts: i128 = price.adjustments.iter().map(|part| i128::from(part.amount)).sum();
        let total = i128::from(price.unit_price.amount) * i128::from(line.quantity) + parts;
        assert_eq!((price.line, i128::from(price.total.amount)), (line.line, total));
        assert!(price.total.amount >= 0 && price.total.currency == "GBP" && price.unit_price.currency == "GBP");
    }
}

fn view(locations: &[(i64, i64)], shown: &[fuzzing::Part], label: Option<String>) {
    let location = |(at, &(available, backorderable)): (usize, &(i64, i64))| ViewLocation {
        location: place(at),
        available,
        backorderable,
        low_stock_at: 0,
        pickup: false,
    };
    let locations = locations.iter().enumerate().map(location).collect();
    let input = ViewInput { channel: None, sku: sku(false), name: None, locations };
    let Ok(shown) = fuzzing::view(&input, shown, label) else { return };
    for part in &shown.locations {
        assert_eq!(shown.locations.iter().filter(|other| other.location == part.location).count(), 1);
        let there = input.locations.iter().find(|at| at.location == part.location).expect("one that was asked");
        assert!((0..=there.available.max(0)).contains(&part.available));
        assert!((0..=there.backorderable.max(0)).contains(&part.backorderable));
    }
    assert!(shown.label.is_none_or(|label| label.chars().count() <= 64 && !label.chars().any(char::is_control)));
}

fuzz_target!(|answer: Answer| match answer {
    Answer::Plan { lines, offers, plan: parts } => plan(&lines, &offers, &parts),
    Answer::Ranks(places, ranks) => {
        if fuzzing::ranks(&asked(&[], places % 8, &[]), &ranks).is_ok() {
            assert_eq!(ranks.len(), usize::from(places % 8));
            assert!(ranks.iter().flatten().all(|rank| rank.unsigned_abs() <= 1_000_000_000));
        }
    }
    Answer::Prices { quantities, prices: answered } => prices(&quantities, answered),
    Answer::View { locations, shown, label } => view(&locations, &shown, label),
});
