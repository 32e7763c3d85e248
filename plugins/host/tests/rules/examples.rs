//! The shipped examples, as components: what their own unit tests show of the logic, here through the
//! sandbox and the checks.

use onhand_rules::World;

use crate::support::*;

#[test]
fn channel_buffer_hides_the_last_and_buckets_the_rest() {
    let rules = alone("channel-buffer", "hide_last = \"3\"\nbucket = \"12\"");
    let shown = rules.view(&view_input(&[("eu-1", 9), ("eu-2", 8), ("eu-3", 1)])).unwrap().unwrap();
    let units: Vec<_> =
        shown.locations.iter().map(|at| (at.location.as_str(), at.available, at.backorderable)).collect();
    assert_eq!(units, [("eu-1", 9, 4), ("eu-2", 6, 4), ("eu-3", 0, 4)]);
    assert_eq!(shown.label.as_deref(), Some("12+"));
}

#[test]
fn channel_buffer_works_without_settings_and_without_stock() {
    let rules = Folder::new().add("channel-buffer", &built("channel-buffer"), "").load();
    let shown = rules.view(&view_input(&[])).unwrap().unwrap();
    assert_eq!((shown.locations.len(), shown.label), (0, None));
}

#[test]
fn nearest_allocation_serves_from_the_nearest_and_then_splits() {
    let rules = alone("nearest-allocation", "keep_pickup = \"0\"");
    let places = [("south", 40.0), ("middle", 48.0), ("north", 52.0)];
    let offers = [("a", "south", 9, 0), ("a", "middle", 5, 0), ("a", "north", 3, 7), ("b", "south", 1, 0)];
    let plan = |lines| {
        let plan = rules.allocate("nearest-allocation", &allocation_input(lines, &places, &offers)).unwrap();
        let part = |part: &onhand_rules::Planned| format!("{}:{} {}", part.line, part.location, part.quantity);
        plan.allocations.iter().map(part).collect::<Vec<_>>()
    };
    assert_eq!(plan(&[("a", 3)]), ["0:north 3"]);
    assert_eq!(plan(&[("a", 11)]), ["0:south 9", "0:north 2"]);
    assert_eq!(plan(&[("a", 20)]), ["0:south 9", "0:middle 5", "0:north 6"]);
    assert_eq!(plan(&[("a", 2), ("b", 1)]), ["0:south 2", "1:south 1"]);
}

#[test]
fn nearest_allocation_ranks_by_kilometres() {
    let rules = alone("nearest-allocation", "");
    let mut input = allocation_input(&[], &[("south", 40.0), ("north", 51.5), ("nowhere", 0.0)], &[]);
    input.locations[2].lat = None;
    assert_eq!(rules.rank("nearest-allocation", &input).unwrap(), [Some(1279), Some(0), None]);
}

#[test]
fn the_examples_are_found_by_world() {
    let folder = Folder::new().add("channel-buffer", &built("channel-buffer"), "").add(
        "nearest-allocation",
        &built("nearest-allocation"),
        "",
    );
    let rules = folder.load();
    let names = [("channel-buffer".to_owned(), World::View), ("nearest-allocation".to_owned(), World::Allocation)];
    assert_eq!(rules.names(), names);
    assert!(rules.has_view() && rules.has_allocation("nearest-allocation"));
    assert!(!rules.has_allocation("channel-buffer") && !rules.has_allocation("priority"));
}
