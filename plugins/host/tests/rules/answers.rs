//! Every answer is checked; a wrong one is a fault that says what is wrong.

use onhand_rules::Reason;

use crate::support::*;

fn wrong_plan(behaviour: &str) -> String {
    wrong(hostile(behaviour).allocate("hostile", &ten_asked()).unwrap_err().reason)
}

fn wrong_view(behaviour: &str) -> String {
    wrong(hostile_view(behaviour).view(&view_input(&[("eu-1", 5), ("eu-2", 0)])).unwrap().unwrap_err().reason)
}

fn wrong(reason: Reason) -> String {
    let Reason::WrongAnswer(what) = reason else { panic!("{reason}") };
    what
}

#[test]
fn a_plan_serves_known_lines_from_offered_locations() {
    assert_eq!(wrong_plan("unknown_location"), "location 2 for line 0, of 2 locations");
    assert_eq!(wrong_plan("unknown_line"), "line 1000 was not asked");
    assert_eq!(wrong_plan("twice"), "line 0 comes twice from eu-1");
    assert_eq!(wrong_plan("nothing"), "0 units of line 0 from eu-1");
}

#[test]
fn a_plan_gives_no_more_than_asked_and_no_more_than_there_is() {
    assert_eq!(wrong_plan("too_much"), "more for line 0 than its 10 units");
    assert_eq!(wrong_plan("more_than_there_is"), "10 of a from eu-2, 0 left");
    let mut input = ten_asked();
    input.stock.remove(0);
    let fault = hostile("").allocate("hostile", &input).unwrap_err();
    assert_eq!(wrong(fault.reason), "eu-1 has no a at all");
}

/// Each line is within what is there; together they are not.
#[test]
fn lines_of_one_sku_share_what_is_there() {
    let rules = hostile("");
    let places = [("eu-1", 50.0)];
    let ask = |lines: &[(&str, i64)]| {
        rules.allocate("hostile", &allocation_input(lines, &places, &[("a", "eu-1", 15, 5), ("b", "eu-1", 8, 0)]))
    };
    assert!(ask(&[("a", 15), ("a", 5), ("b", 8)]).is_ok());
    assert_eq!(wrong(ask(&[("a", 15), ("a", 6)]).unwrap_err().reason), "6 of a from eu-1, 5 left");
}

#[test]
fn a_rank_for_every_location() {
    assert_eq!(hostile("").rank("hostile", &ten_asked()).unwrap(), [Some(7), Some(7)]);
    let fault = hostile("rank_short").rank("hostile", &ten_asked()).unwrap_err();
    assert_eq!(wrong(fault.reason), "1 ranks for 2 locations");
    let fault = hostile("rank_high").rank("hostile", &ten_asked()).unwrap_err();
    assert_eq!(wrong(fault.reason), "rank 2147483647 for eu-1, beyond 1000000000 either way");
}

#[test]
fn a_view_shows_no_more_than_there_is() {
    assert_eq!(wrong_view("too_much"), "6 available at eu-1, where 5 are");
    assert_eq!(wrong_view("too_much_backorder"), "5 backorderable at eu-1, where 4 are");
    assert_eq!(wrong_view("unknown_location"), "location 2 of 2 locations");
    assert_eq!(wrong_view("twice"), "eu-1 comes twice");
}

#[test]
fn a_label_is_short_and_plain() {
    assert_eq!(wrong_view("long_label"), "a label of more than 64 characters");
    assert_eq!(wrong_view("control_label"), "a control character in the label");
}

#[test]
fn what_the_rule_says_of_itself_is_kept_apart() {
    let said = |behaviour| hostile(behaviour).allocate("hostile", &ten_asked()).unwrap_err();
    assert_eq!((said("refuse").reason, said("refuse").detail), (Reason::Refused, "not today".to_owned()));
    assert_eq!(said("invalid_config").reason, Reason::InvalidConfig);
    assert_eq!(said("internal").reason, Reason::Internal);
}

#[test]
fn an_unknown_rule_is_a_fault() {
    let fault = hostile("").allocate("elsewhere", &ten_asked()).unwrap_err();
    assert_eq!(fault.reason, Reason::Unknown);
    // A view is no allocation rule.
    assert_eq!(hostile_view("").allocate("hostile-view", &ten_asked()).unwrap_err().reason, Reason::Unknown);
}
