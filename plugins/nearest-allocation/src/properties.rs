//! What holds of every plan, whatever was asked.

use std::collections::BTreeMap;

use onhand_rule::allocation::Offer;
use proptest::{collection::vec, prelude::*};

use super::*;

const KEEP: u32 = 2;

fn location(pickup: bool) -> Location {
    Location { id: "any".into(), region: None, priority: 0, coordinates: None, pickup }
}

/// Available, backorderable.
type Units = (u32, u32);

/// Two SKUs at every location.
fn stock(units: &[(Units, Units)]) -> Vec<SkuStock> {
    let of = |sku: &str, units: Vec<Units>| {
        let offer = |(location, (available, backorderable))| Offer { location, available, backorderable };
        SkuStock { sku: sku.into(), offers: (0..).zip(units).map(offer).collect() }
    };
    vec![of("a", units.iter().map(|at| at.0).collect()), of("b", units.iter().map(|at| at.1).collect())]
}

/// Units of one SKU that a plan takes, by location.
fn taken(sku: &str, lines: &[AskedLine], plan: &Plan) -> BTreeMap<u32, u32> {
    let mut taken = BTreeMap::new();
    for part in plan.allocations.iter().filter(|part| lines[part.line as usize].sku == sku) {
        *taken.entry(part.location).or_default() += part.quantity;
    }
    taken
}

proptest! {
    #[test]
    fn a_plan_serves_all_it_can_and_spares_what_it_should(
        places in vec((any::<bool>(), ((0..9_u32, 0..4_u32), (0..9_u32, 0..4_u32))), 1..6),
        asked in vec((prop_oneof!["a", "b"], 1..20_u32), 1..5),
    ) {
        let locations: Vec<Location> = places.iter().map(|place| location(place.0)).collect();
        let stock = stock(&places.iter().map(|place| place.1).collect::<Vec<_>>());
        let line = |(line, (sku, quantity))| AskedLine { line, sku, quantity };
        let lines: Vec<AskedLine> = (0..).zip(asked).map(line).collect();
        let request = Request { at: 0, channel: None, destination: None };
        let config = Config::from([("keep_pickup", "2")]);
        let plan = NearestAllocation::allocate(&config, request, lines.clone(), locations.clone(), stock.clone()).unwrap();

        let mut pairs = std::collections::BTreeSet::new();
        for part in &plan.allocations {
            prop_assert!(part.quantity > 0 && pairs.insert((part.line, part.location)), "{part:?}");
        }
        for line in &lines {
            let served: u32 =
                plan.allocations.iter().filter(|part| part.line == line.line).map(|part| part.quantity).sum();
            prop_assert!(served <= line.quantity);
        }
        for SkuStock { sku, offers } in &stock {
            let taken = taken(sku, &lines, &plan);
            let wanted: u32 = lines.iter().filter(|line| line.sku == *sku).map(|line| line.quantity).sum();
            let (mut free, mut available, mut all) = (0, 0, 0);
            let (mut from_free, mut from_available, mut from_all) = (0, 0, 0);
            for offer in offers {
                let here = taken.get(&offer.location).copied().unwrap_or(0);
                let kept = if locations[offer.location as usize].pickup { KEEP.min(offer.available) } else { 0 };
                prop_assert!(here <= offer.available + offer.backorderable);
                free += offer.available - kept;
                available += offer.available;
                all += offer.available + offer.backorderable;
                from_free += here.min(offer.available - kept);
                from_available += here.min(offer.available);
                from_all += here;
            }
            prop_assert_eq!(from_all, wanted.min(all), "serves all it can");
            prop_assert_eq!(from_available, wanted.min(available), "backorders only what is not available");
            prop_assert_eq!(from_free, wanted.min(free), "touches pickup stock only when the rest is gone");
        }
    }
}
