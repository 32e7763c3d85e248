use onhand_rule::{Coordinates, Destination, allocation::Offer};

use super::*;

/// Serving order is not distance order, on purpose.
const PLACES: [(&str, f64, f64); 3] = [("madrid", 40.4, -3.7), ("paris", 48.9, 2.4), ("lyon", 45.8, 4.8)];

fn locations(pickup: &[&str]) -> Vec<Location> {
    let location = |(id, lat, lon): (&str, f64, f64)| Location {
        id: id.into(),
        region: None,
        priority: 0,
        coordinates: Some(Coordinates { lat, lon }),
        pickup: pickup.contains(&id),
    };
    PLACES.into_iter().map(location).collect()
}

/// For someone in London, unless there are no coordinates.
fn request(coordinates: bool) -> Request {
    let coordinates = coordinates.then_some(Coordinates { lat: 51.5, lon: -0.1 });
    Request {
        at: 0,
        channel: None,
        destination: Some(Destination { country: "GB".into(), postcode: None, coordinates }),
    }
}

/// Available and backorderable at madrid, paris, lyon.
fn stock(sku: &str, units: [(u32, u32); 3]) -> SkuStock {
    let offer = |(location, (available, backorderable))| Offer { location, available, backorderable };
    SkuStock { sku: sku.into(), offers: (0..).zip(units).map(offer).collect() }
}

fn asked(lines: &[(&str, u32)]) -> Vec<AskedLine> {
    let line = |(line, &(sku, quantity)): (u32, &(&str, u32))| AskedLine { line, sku: sku.into(), quantity };
    (0..).zip(lines).map(line).collect()
}

/// `line:place quantity`, in order.
fn planned(pickup: &[&str], coordinates: bool, lines: &[(&str, u32)], stock: Vec<SkuStock>) -> Vec<String> {
    let config = Config::from([("keep_pickup", "2")]);
    let plan =
        NearestAllocation::allocate(&config, request(coordinates), asked(lines), locations(pickup), stock).unwrap();
    let show = |part: &onhand_rule::allocation::Planned| {
        format!("{}:{} {}", part.line, PLACES[part.location as usize].0, part.quantity)
    };
    plan.allocations.iter().map(show).collect()
}

#[test]
fn the_nearest_that_has_it_all_serves() {
    assert_eq!(planned(&[], true, &[("a", 5)], vec![stock("a", [(9, 0), (5, 0), (9, 0)])]), ["0:paris 5"]);
    assert_eq!(planned(&[], true, &[("a", 6)], vec![stock("a", [(9, 0), (5, 0), (9, 0)])]), ["0:lyon 6"]);
}

#[test]
fn without_coordinates_the_serving_order_holds() {
    assert_eq!(planned(&[], false, &[("a", 5)], vec![stock("a", [(9, 0), (9, 0), (9, 0)])]), ["0:madrid 5"]);
}

#[test]
fn one_parcel_beats_two_nearer_ones() {
    let stock = || vec![stock("a", [(4, 0), (9, 0), (0, 0)]), stock("b", [(4, 0), (0, 0), (9, 0)])];
    assert_eq!(planned(&[], true, &[("a", 2), ("b", 2)], stock()), ["0:madrid 2", "1:madrid 2"]);
    assert_eq!(planned(&[], true, &[("a", 5), ("b", 2)], stock()), ["0:paris 5", "1:lyon 2"]);
}

#[test]
fn a_location_that_already_serves_comes_before_a_nearer_one() {
    let stock =
        vec![stock("a", [(0, 0), (0, 0), (5, 0)]), stock("b", [(0, 0), (5, 0), (5, 0)]), stock("c", [(1, 0); 3])];
    let lines = [("a", 5), ("b", 5), ("c", 3)];
    let plan = planned(&[], true, &lines, stock);
    assert_eq!(plan[..2], ["0:lyon 5", "1:lyon 5"]);
}

#[test]
fn a_line_is_split_into_the_fewest_parts() {
    // 9 + 1 rather than paris 3 + lyon 4 + madrid 3; the last part comes from the nearest.
    assert_eq!(
        planned(&[], true, &[("a", 10)], vec![stock("a", [(9, 0), (3, 0), (4, 0)])]),
        ["0:madrid 9", "0:paris 1"]
    );
}

#[test]
fn pickup_stock_is_kept_unless_there_is_no_other_way() {
    let stock = || vec![stock("a", [(5, 9), (5, 0), (0, 0)])];
    assert_eq!(planned(&["paris"], true, &[("a", 3)], stock()), ["0:paris 3"]);
    assert_eq!(planned(&["paris"], true, &[("a", 4)], stock()), ["0:madrid 4"]);
    assert_eq!(planned(&["paris"], true, &[("a", 8)], stock()), ["0:madrid 5", "0:paris 3"]);
    // Kept units go before any backorder.
    assert_eq!(planned(&["paris"], true, &[("a", 10)], stock()), ["0:madrid 5", "0:paris 5"]);
}

#[test]
fn all_available_stock_goes_before_any_backorder() {
    let stock = || vec![stock("a", [(1, 0), (2, 9), (0, 50)])];
    assert_eq!(planned(&[], true, &[("a", 12)], stock()), ["0:madrid 1", "0:paris 11"]);
    assert_eq!(planned(&[], true, &[("a", 99)], stock()), ["0:madrid 1", "0:paris 11", "0:lyon 50"]);
}

#[test]
fn lines_of_one_sku_share_its_stock() {
    let stock = || vec![stock("a", [(0, 0), (5, 0), (4, 0)])];
    assert_eq!(planned(&[], true, &[("a", 3), ("a", 2)], stock()), ["0:paris 3", "1:paris 2"]);
    assert_eq!(planned(&[], true, &[("a", 3), ("a", 3)], stock()), ["0:paris 3", "1:lyon 3"]);
}

#[test]
fn an_unknown_sku_is_left_out() {
    assert_eq!(planned(&[], true, &[("a", 3), ("z", 1)], vec![stock("a", [(9, 0); 3])]), ["0:paris 3"]);
}

#[test]
fn ranks_are_kilometres_and_abstain_without_coordinates() {
    let mut places = locations(&[]);
    places[0].coordinates = None;
    let ranks = NearestAllocation::rank(&Config::from([]), request(true), places.clone());
    assert!(matches!(ranks[..], [None, Some(330..350), Some(700..760)]), "{ranks:?}");
    assert_eq!(NearestAllocation::rank(&Config::from([]), request(false), places), [None; 3]);
}
