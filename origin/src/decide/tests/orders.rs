//! An order's life, exhaustively: intake by two replicas, decisions, charges and voids, in every order within small
//! bounds, with a crash between any two steps. Each decision runs the real code; the statements that are SQL are written
//! down here once more.
//!
//! What is committed is the database's and survives. All else may be lost or come late: what a replica has read of the
//! lane, a call on its way to the hook, an answer on its way back. So a crash needs no step of its own but one: what was
//! read is forgotten. Calls and answers are never used up: each may come again, at any later time.
//!
//! After every step: one outcome an order; charged if and only if confirmed, or else known as being settled; one live
//! reservation at most, and what is reserved is what they hold; decided in the order of the line; nothing that is taken
//! in is lost. With a hook that forgets its voids the checker must find a violation.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use onhand_wire::{
    order::{Lane, OrderRecord, OrderState},
    quote::Total,
    reservation::State as Stage,
};
use stateright::{Checker, Model, Property};

use super::*;
use crate::{
    command::{DecideOrder, Paid, SettleOrder},
    record::{OrderInLine, PaymentChange, PaymentState, ReservationRecord},
};

type Order = u8;
type Attempt = (Order, i32);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// A caller's order is acknowledged by its lane; again, if its caller repeats it.
    Append(Order),
    /// A replica reads what the lane has beyond the position that it knows.
    Read(usize),
    /// Rows and position, in one commit.
    TakeIn(usize),
    Crash(usize),
    Decide(Order),
    /// Its time is over.
    Late(Order),
    /// A fault of its own: it leaves its line, to be tried again, or for good.
    Aside(Order),
    Dead(Order),
    Replay(Order),
    /// Its row says so: the hook is called.
    Charge(Attempt),
    Void(Attempt),
    /// A call arrives; a charge is approved or not.
    Charged(Attempt, bool),
    Voided(Attempt),
    /// What is known of an attempt is settled.
    Settle(Attempt, Outcome),
    VoidAcknowledged(Attempt),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Outcome {
    Approved,
    Declined,
    Unknown,
}

impl From<Outcome> for Paid {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Approved => Self::Approved,
            Outcome::Declined => Self::Declined,
            Outcome::Unknown => Self::Unknown,
        }
    }
}

/// What the hook's own books say of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Money {
    Taken,
    Refused,
    GivenBack,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Row {
    seq: i64,
    state: &'static str,
    aside: bool,
    late: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Held(ReservationRecord);

impl Hash for Held {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.0.id, self.0.state.as_str(), self.0.in_payment).hash(hasher);
    }
}

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    appends: u8,
    asides: u8,
    lates: u8,
    replays: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shop {
    /// Of which order each record of the partition is.
    log: Vec<Order>,
    next: usize,
    /// From where to where each replica has read.
    read: [Option<(usize, usize)>; 2],
    rows: BTreeMap<Order, Row>,
    payments: BTreeMap<Attempt, &'static str>,
    reserved: i64,
    reservations: BTreeMap<Uuid, Held>,
    /// Calls on their way to the hook, and its answers.
    charges: BTreeSet<Attempt>,
    voids: BTreeSet<Attempt>,
    money: BTreeMap<Attempt, Money>,
    answers: BTreeSet<(Attempt, Outcome)>,
    /// Places in the line of what was decided in it, in the order of the decisions.
    decided: Vec<i64>,
    outcomes: BTreeMap<Order, &'static str>,
    decided_again: bool,
    left: Left,
}

struct Life {
    orders: Order,
    stock: i64,
    pays: bool,
    /// Whether the hook refuses a voided key, as it must.
    remembers_voids: bool,
    left: Left,
}

fn uuid(order: Order) -> Uuid {
    Uuid::from_u128(100 + u128::from(order))
}

/// Each attempt's hold is another.
fn reservation(order: Order, attempt: i32) -> Uuid {
    Uuid::from_u128(1000 + 100 * u128::from(order) + attempt as u128)
}

fn word(state: OrderState) -> &'static str {
    state.as_str()
}

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn record(order: Order) -> Arc<OrderRecord> {
    let body = br#"{"lines":[{"sku":"x","quantity":1}]}"#;
    Arc::new(OrderRecord {
        v: OrderRecord::V,
        id: uuid(order),
        subject: "shop".to_owned(),
        owner: None,
        key: format!("k-{order}"),
        digest: "d".to_owned(),
        accepted_at: NOW,
        decide_by: NOW.plus(Duration::from_secs(600)),
        amount: Some(Total { amount: 250, currency: "GBP".to_owned() }),
        correlation: String::new(),
        order: onhand_wire::request::read(body).unwrap(),
    })
}

impl Shop {
    /// What a batch would have locked and read for this order.
    fn locked(&self, order: Order, stock: i64) -> BatchState {
        let mut state = BatchState { now: NOW, ..five() };
        let row = state.stock.get_mut(&sku("x")).unwrap().values_mut().next().unwrap();
        (row.on_hand, row.reserved) = (stock, self.reserved);
        state.reservations = self.reservations.iter().map(|(id, held)| (*id, held.0.clone())).collect();
        if let Some(row) = self.rows.get(&order) {
            let charging = self.payments.iter().find(|(attempt, state)| attempt.0 == order && **state == "charging");
            let in_line = OrderInLine {
                lane: Lane::High,
                sku: "x".to_owned(),
                seq: row.seq,
                state: OrderState::parse(row.state).unwrap(),
                aside: row.aside,
                decide_by: if row.late {
                    Timestamp::from_micros(NOW.micros() - 1)
                } else {
                    NOW.plus(Duration::from_secs(600))
                },
                charging: charging.filter(|_| row.state == "processing").map(|(attempt, _)| attempt.1),
            };
            state.orders.insert(uuid(order), in_line);
        }
        let waits = self.rows.values().filter(|row| row.state == "queued" && !row.aside).map(|row| row.seq);
        state.in_line.insert((Lane::High, "x".to_owned()), waits.collect());
        state
    }

    /// The real decision, and what it writes.
    fn run(&mut self, order: Order, stock: i64, command: Command, call: u8) -> Option<()> {
        let mut state = self.locked(order, stock);
        let digest = CallDigest::own([call; 32]);
        let ask = Ask {
            command,
            actor: "shop".to_owned(),
            owner: None,
            sees: Sees::All,
            key: String::new(),
            digest,
            correlation: String::new(),
        };
        decide(&mut state, &ask, &Rules::none()).ok()?;
        for (id, change) in &state.changes.payments {
            assert_eq!(*id, uuid(order));
            match change {
                PaymentChange::Charge { amount, .. } => {
                    assert_eq!(*amount, 250);
                    let attempt = self.attempts(order) + 1;
                    self.payments.insert((order, attempt), PaymentState::Charging.as_str());
                }
                PaymentChange::Settled { attempt, state } => {
                    self.payments.insert((order, *attempt), state.as_str());
                }
            }
        }
        for (id, outcome) in &state.changes.orders {
            assert_eq!(*id, uuid(order));
            let row = self.rows.get_mut(&order).unwrap();
            if row.state == "queued" && !row.aside {
                self.decided.push(row.seq);
            }
            (row.state, row.aside) = (word(outcome.state), false);
            self.ends(order);
        }
        self.reservations = state.reservations.into_iter().map(|(id, record)| (id, Held(record))).collect();
        self.reserved = state.stock[&sku("x")].values().next().unwrap().reserved;
        Some(())
    }

    fn attempts(&self, order: Order) -> i32 {
        self.payments.keys().filter(|attempt| attempt.0 == order).map(|attempt| attempt.1).max().unwrap_or_default()
    }

    /// An outcome is for good; a dead letter is none, for people may replay it.
    fn ends(&mut self, order: Order) {
        let state = self.rows[&order].state;
        if matches!(state, "queued" | "processing" | "dead_lettered") {
            return;
        }
        let first = *self.outcomes.entry(order).or_insert(state);
        self.decided_again |= first != state;
    }

    fn intake(&mut self, step: Step) -> Option<()> {
        match step {
            Step::Append(order) => {
                self.left.appends = self.left.appends.checked_sub(1)?;
                self.log.push(order);
            }
            Step::Read(replica) => {
                if self.read[replica].is_some() || self.log.len() == self.next {
                    return None;
                }
                self.read[replica] = Some((self.next, self.log.len()));
            }
            Step::Crash(replica) => drop(self.read[replica].take()?),
            Step::TakeIn(replica) => {
                let (from, to) = self.read[replica].take()?;
                for order in &self.log[from.max(self.next).min(to)..to] {
                    let row = Row { seq: self.rows.len() as i64 + 1, state: "queued", aside: false, late: false };
                    self.rows.entry(*order).or_insert(row);
                }
                self.next = self.next.max(to);
            }
            _ => return None,
        }
        Some(())
    }

    /// The row's own statements, as `store/postgres/orders.rs` has them.
    fn statement(&mut self, step: Step) -> Option<()> {
        let (Step::Late(order) | Step::Aside(order) | Step::Dead(order) | Step::Replay(order)) = step else {
            return None;
        };
        let voiding = self.payments.iter().any(|(attempt, state)| attempt.0 == order && *state == "voiding");
        let row = self.rows.get_mut(&order)?;
        let left = &mut self.left;
        match step {
            Step::Late(_) if !row.late => {
                left.lates = left.lates.checked_sub(1)?;
                row.late = true;
            }
            Step::Aside(_) if row.state == "queued" && !row.aside => {
                left.asides = left.asides.checked_sub(1)?;
                row.aside = true;
            }
            Step::Dead(_) if row.state == "queued" => {
                left.asides = left.asides.checked_sub(1)?;
                (row.state, row.aside) = ("dead_lettered", false);
            }
            Step::Replay(_) if row.state == "dead_lettered" && !voiding => {
                left.replays = left.replays.checked_sub(1)?;
                (row.state, row.aside, row.late) = ("queued", true, false);
            }
            _ => return None,
        }
        Some(())
    }

    fn hook(&mut self, step: Step, remembers_voids: bool) -> Option<()> {
        let changed = match step {
            Step::Charge(attempt) => *self.payments.get(&attempt)? == "charging" && self.charges.insert(attempt),
            Step::Void(attempt) => *self.payments.get(&attempt)? == "voiding" && self.voids.insert(attempt),
            Step::Charged(attempt, approves) => {
                self.charges.get(&attempt)?;
                let first = if approves { Money::Taken } else { Money::Refused };
                let known =
                    self.money.get(&attempt).copied().filter(|known| *known != Money::GivenBack || remembers_voids);
                let money = known.unwrap_or(first);
                if known.is_some() && money != Money::GivenBack && (money == Money::Taken) != approves {
                    return None; // It answers as before.
                }
                self.money.insert(attempt, money);
                let says = if money == Money::Taken { Outcome::Approved } else { Outcome::Declined };
                self.answers.insert((attempt, says));
                true
            }
            Step::Voided(attempt) => {
                self.voids.get(&attempt)?;
                self.money.insert(attempt, Money::GivenBack);
                true
            }
            Step::VoidAcknowledged(attempt) => {
                let given_back = self.money.get(&attempt) == Some(&Money::GivenBack);
                let state = self.payments.get_mut(&attempt).filter(|state| given_back && **state == "voiding")?;
                *state = PaymentState::Voided.as_str();
                true
            }
            _ => false,
        };
        changed.then_some(())
    }

    /// Whether what a key took belongs to a confirmed order, or is known as being settled.
    fn accounts_agree(&self, pays: bool) -> bool {
        let taken = self.money.iter().filter(|(_, money)| **money == Money::Taken);
        let known = taken.map(|(attempt, _)| (self.payments[attempt], self.rows[&attempt.0].state));
        let goods_for_money = known.into_iter().all(|(payment, order)| {
            matches!(payment, "charging" | "voiding") || (payment, order) == ("approved", "confirmed")
        });
        let money_for_goods = self.rows.iter().filter(|(_, row)| pays && row.state == "confirmed").all(|(order, _)| {
            let paid = self.money.iter().filter(|(attempt, money)| attempt.0 == *order && **money == Money::Taken);
            paid.count() == 1
        });
        goods_for_money && money_for_goods
    }

    fn stock_agrees(&self, stock: i64) -> bool {
        let live = |held: &&Held| matches!(held.0.state, Stage::Held | Stage::Confirmed);
        let reserved = self.reservations.values().filter(live).count() as i64;
        let served = self.rows.values().filter(|row| matches!(row.state, "processing" | "confirmed")).count() as i64;
        self.reserved == reserved && reserved == served && reserved <= stock
    }

    fn is_whole(&self) -> bool {
        self.log[..self.next].iter().all(|order| self.rows.contains_key(order))
    }
}

impl Model for Life {
    type State = Shop;
    type Action = Step;

    fn init_states(&self) -> Vec<Shop> {
        vec![Shop {
            log: Vec::new(),
            next: 0,
            read: [None, None],
            rows: BTreeMap::new(),
            payments: BTreeMap::new(),
            reserved: 0,
            reservations: BTreeMap::new(),
            charges: BTreeSet::new(),
            voids: BTreeSet::new(),
            money: BTreeMap::new(),
            answers: BTreeSet::new(),
            decided: Vec::new(),
            outcomes: BTreeMap::new(),
            decided_again: false,
            left: self.left,
        }]
    }

    fn actions(&self, shop: &Shop, actions: &mut Vec<Step>) {
        use Step::*;
        for order in 0..self.orders {
            actions.extend([Append(order), Decide(order), Late(order), Aside(order), Dead(order), Replay(order)]);
        }
        actions.extend((0..2).flat_map(|replica| [Read(replica), TakeIn(replica), Crash(replica)]));
        for attempt in shop.payments.keys().copied() {
            actions.extend([Charge(attempt), Void(attempt), Charged(attempt, true), Charged(attempt, false)]);
            actions.extend([Voided(attempt), VoidAcknowledged(attempt), Settle(attempt, Outcome::Unknown)]);
            let answers = [Outcome::Approved, Outcome::Declined].map(|outcome| (attempt, outcome));
            let come = answers.into_iter().filter(|answer| shop.answers.contains(answer));
            actions.extend(come.map(|(attempt, outcome)| Settle(attempt, outcome)));
        }
    }

    fn next_state(&self, before: &Shop, step: Step) -> Option<Shop> {
        let mut shop = before.clone();
        match step {
            Step::Decide(order) => {
                before.rows.get(&order)?;
                let reservation = reservation(order, before.attempts(order) + 1);
                let decide = DecideOrder { record: record(order), reservation, pays: self.pays };
                shop.run(order, self.stock, Command::Order(Box::new(decide)), 0)?;
            }
            Step::Settle(attempt, outcome) => {
                let (order, number) = attempt;
                let (order_id, reservation) = (uuid(order), reservation(order, number));
                let settle = SettleOrder { order: order_id, attempt: number, reservation, paid: outcome.into() };
                shop.run(order, self.stock, Command::Settle(settle), number as u8)?;
            }
            Step::Append(_) | Step::Read(_) | Step::TakeIn(_) | Step::Crash(_) => shop.intake(step)?,
            Step::Late(_) | Step::Aside(_) | Step::Dead(_) | Step::Replay(_) => shop.statement(step)?,
            _ => shop.hook(step, self.remembers_voids)?,
        }
        (shop != *before).then_some(shop)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ACCOUNTS, |life: &Life, shop: &Shop| shop.accounts_agree(life.pays)),
            Property::always(ONE_OUTCOME, |_, shop: &Shop| !shop.decided_again),
            Property::always(STOCK, |life: &Life, shop: &Shop| shop.stock_agrees(life.stock)),
            Property::always(ORDER, |_, shop: &Shop| shop.decided.is_sorted()),
            Property::always(WHOLE, |_, shop: &Shop| shop.is_whole()),
            Property::sometimes("confirmed and sold out", |_, shop: &Shop| {
                let mut outcomes = shop.outcomes.values();
                outcomes.any(|state| *state == "confirmed") && shop.outcomes.values().any(|state| *state == "sold_out")
            }),
            Property::sometimes("voided, replayed and confirmed", |life: &Life, shop: &Shop| {
                let confirmed = |attempt: &Attempt| shop.payments.get(&(attempt.0, attempt.1 + 1)) == Some(&"approved");
                !life.pays || shop.payments.iter().any(|(attempt, state)| *state == "voided" && confirmed(attempt))
            }),
            Property::sometimes("given back to another", |life: &Life, shop: &Shop| {
                let failed = shop.outcomes.values().any(|state| *state == "payment_failed");
                !life.pays || life.orders < 2 || failed && shop.outcomes.values().any(|state| *state == "confirmed")
            }),
        ]
    }
}

const ACCOUNTS: &str = "charged if and only if confirmed, or being settled";
const ONE_OUTCOME: &str = "one outcome an order";
const STOCK: &str = "what is reserved is what orders hold";
const ORDER: &str = "decided in the order of the line";
const WHOLE: &str = "nothing that is taken in is lost";
const ALWAYS: [&str; 5] = [ACCOUNTS, ONE_OUTCOME, STOCK, ORDER, WHOLE];
const NONE: Left = Left { appends: 0, asides: 0, lates: 0, replays: 0 };
/// It takes seconds; if it takes longer, the bounds have grown beyond what every test run should pay for.
const LIMIT: Duration = Duration::from_secs(120);

fn check(name: &str, life: Life) -> impl Checker<Life> {
    let began = std::time::Instant::now();
    let checked = life.checker().threads(2).timeout(LIMIT).spawn_bfs().join();
    eprintln!("{name}: {} states in {:?}", checked.unique_state_count(), began.elapsed());
    assert!(checked.is_done(), "{name}: not every order was tried");
    checked
}

#[test]
fn no_order_of_intake_and_decisions_loses_or_doubles_one() {
    let left = Left { appends: 3, asides: 1, lates: 1, replays: 1 };
    check("unpaid", Life { orders: 2, stock: 1, pays: false, remembers_voids: true, left }).assert_properties();
}

#[test]
fn no_order_of_charges_answers_and_voids_serves_without_money_or_charges_without_goods() {
    let left = Left { appends: 1, replays: 1, ..NONE };
    let one = check("one, replayed", Life { orders: 1, stock: 1, pays: true, remembers_voids: true, left });
    ALWAYS.into_iter().for_each(|property| one.assert_no_discovery(property));
    one.assert_any_discovery("voided, replayed and confirmed");
    let left = Left { appends: 2, ..NONE };
    let two = check("two, for one unit", Life { orders: 2, stock: 1, pays: true, remembers_voids: true, left });
    ALWAYS.into_iter().for_each(|property| two.assert_no_discovery(property));
    two.assert_any_discovery("given back to another");
}

/// The model can fail: a hook that forgets its voids charges without goods.
#[test]
fn with_a_hook_that_forgets_its_voids_the_model_finds_a_charge_without_goods() {
    let left = Left { appends: 1, ..NONE };
    let life = Life { orders: 1, stock: 1, pays: true, remembers_voids: false, left };
    let steps = life.checker().spawn_bfs().join().assert_any_discovery(ACCOUNTS).into_actions();
    eprintln!("charged without goods: {steps:?}");
    assert!(steps.contains(&Step::VoidAcknowledged((0, 1))), "a charge comes after its void: {steps:?}");
}
