//! Outcomes and rejections as the types say them; what callers are answered is not decided here.

mod orders;

use std::sync::Arc;

use onhand_rules::Rules;
use onhand_wire::{
    Item, Location, Quantity, Sees, Sku, Timestamp, Version,
    request::{Confirm, Hold, HoldLine, HoldPolicy, SetStock},
    reservation::State as Stage,
};
use uuid::Uuid;

use super::*;
use crate::{key::CallDigest, record::StockRow};

const RESERVATION: Uuid = Uuid::from_u128(1);

/// Five of `x` at `a`.
fn five() -> BatchState {
    let item = Item {
        sku: sku("x"),
        name: String::new(),
        brand: None,
        attributes: Default::default(),
        price: None,
        active: true,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    };
    let location = Location {
        location: "a".parse().unwrap(),
        name: String::new(),
        region: None,
        priority: 0,
        lat: None,
        lon: None,
        enabled: true,
        pickup: false,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    };
    let mut state = BatchState { term: 1, ..BatchState::default() };
    state
        .stock
        .entry(sku("x"))
        .or_default()
        .insert(location.location.clone(), StockRow { on_hand: 5, seq: 7, ..StockRow::default() });
    Arc::make_mut(&mut state.topology).locations.insert(location.location.clone(), location);
    state.items.insert(sku("x"), item);
    state
}

fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

fn units(units: u32) -> Quantity {
    Quantity::new(units).unwrap()
}

fn hold(quantities: &[u32], policy: HoldPolicy) -> Command {
    let line = |quantity: &u32| HoldLine { sku: sku("x"), quantity: units(*quantity), location: None };
    let lines = quantities.iter().map(line).collect();
    let hold = Hold { lines, channel: None, destination: None, ttl_s: 60, policy, order_ref: None };
    Command::Hold(RESERVATION, hold)
}

fn run(state: &mut BatchState, command: Command) -> Result<Effect, Rejection> {
    let ask = Ask {
        // Another call each time.
        digest: CallDigest::own([state.changes.ledger.len() as u8; 32]),
        command,
        actor: "tester".to_owned(),
        owner: None,
        sees: Sees::All,
        key: "key".to_owned(),
        correlation: String::new(),
    };
    decide(state, &ask, &Rules::none()).map(|done| done.effect)
}

#[test]
fn a_hold_says_what_is_short_and_by_how_much_and_leaves_no_trace() {
    let mut state = five();
    let refused = run(&mut state, hold(&[3, 4], HoldPolicy::All)).unwrap_err();
    let lines = vec![ShortLine { line: 1, sku: sku("x"), requested: 4, available: 2 }];
    assert_eq!(refused, Rejection::Short { of: Shortage::Stock, lines });
    assert!(state.changes.is_empty() && state.changes.ledger.is_empty());

    let Effect::Held(held) = run(&mut state, hold(&[3, 4], HoldPolicy::Partial)).unwrap() else { panic!("not held") };
    assert_eq!(held.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn a_verb_names_the_state_that_does_not_allow_it() {
    let mut state = five();
    run(&mut state, hold(&[1], HoldPolicy::All)).unwrap();
    let confirm = || Command::Confirm(RESERVATION, Confirm { lines: None });
    let Effect::Reservation(confirmed) = run(&mut state, confirm()).unwrap() else { panic!("not confirmed") };
    assert_eq!(confirmed.state, Stage::Confirmed);
    state.reservations.get_mut(&RESERVATION).unwrap().made_by = None;
    let refused = run(&mut state, confirm()).unwrap_err();
    assert_eq!(refused, Rejection::WrongState { state: Stage::Confirmed, verb: Verb::Confirm });
    let unknown = run(&mut state, Command::Confirm(Uuid::from_u128(2), Confirm { lines: None })).unwrap_err();
    assert_eq!(unknown, Rejection::NoSuchReservation);
}

#[test]
fn a_count_that_expected_otherwise_is_told_the_version() {
    let mut state = five();
    let set = |expected: &str| SetStock {
        location: "a".parse().unwrap(),
        quantity: units(9),
        reason: "count".to_owned(),
        expected_version: Some(expected.to_owned()),
        expected_on_hand: None,
    };
    let found = Version::new(1, 7);
    let refused = run(&mut state, Command::SetStock(sku("x"), set("other"))).unwrap_err();
    let location = "a".parse().unwrap();
    assert_eq!(refused, Rejection::OtherStock { location, version: Some(found), on_hand: 5 });
    let Effect::Stock { facts, .. } = run(&mut state, Command::SetStock(sku("x"), set(&found.to_string()))).unwrap()
    else {
        panic!("not set")
    };
    assert_eq!((facts[0].on_hand, facts[0].version), (9, Version::new(1, 8)));
}

#[test]
fn under_maintenance_only_its_end_is_decided() {
    let mut state = five();
    state.maintenance = Some("back at 9".to_owned());
    let refused = run(&mut state, hold(&[1], HoldPolicy::All)).unwrap_err();
    assert_eq!(refused, Rejection::Maintenance { message: "back at 9".to_owned() });
    let over = onhand_wire::request::Maintenance { maintenance_mode: false, message: None };
    let effect = run(&mut state, Command::Maintain(over)).unwrap();
    assert!(matches!(effect, Effect::Maintenance { before: Some(_), .. }) && state.maintenance.is_none());
}
