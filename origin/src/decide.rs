//! Deciding, pure: `decide(state, command)` in turn for each command of a batch.
//!
//! No I/O and no clock: the state was locked and read before, and is written afterwards.
//! A command first finds out all that it will do, then does it, so a refused one leaves no trace.

mod allocate;
mod catalogue;
mod limit;
mod hold;
mod reconcile;
mod stock;
mod trail;
mod verb;

use onhand_rules::Rules;
use onhand_wire::{Code, Problem};

use crate::{
    command::{Answer, Ask, Command, Done, Outcome},
    state::{Kept, State, Why},
};

pub(crate) use stock::shown as shown_fact;

/// Decides every command in turn. The answers' `committed_at` is filled in after the commit.
pub fn decide_all(state: &mut State, asks: &[&Ask], rules: &Rules) -> Vec<Outcome> {
    release_dead(state);
    asks.iter().map(|ask| decide_once(state, ask, rules)).collect()
}

/// A dead hold never refuses a live buyer: its allocations on the locked SKUs go first.
fn release_dead(state: &mut State) {
    for dead in std::mem::take(&mut state.dead) {
        let why =
            Why { actor: "onhand", kind: "expire", reason: None, correlation: "", reservation: Some(dead.reservation) };
        state.change_stock(&dead.sku, &dead.location, &why, |row| row.reserved -= dead.quantity);
        state.changes.released.push(dead);
    }
}

/// A key that was seen gets its first answer again.
fn decide_once(state: &mut State, ask: &Ask, rules: &Rules) -> Outcome {
    let key = ask.kept_under();
    if let Some(kept) = state.kept.get(&key) {
        return replay(kept, ask);
    }
    let before = trail::before(state, &ask.command);
    let decided = decide(state, ask, rules);
    if let (Some(before), Ok(done)) = (before, &decided) {
        state.changes.trail.push(before.line(ask, done));
    }
    if let Some(kept) = keep(&decided, ask) {
        state.changes.kept.insert(key.clone(), kept.clone());
        state.kept.insert(key, kept);
    }
    let done = decided?;
    let Done { status, body, stocks } = done;
    Ok(Answer { status, body, replayed: false, committed_at: state.now, stocks })
}

fn replay(kept: &Kept, ask: &Ask) -> Outcome {
    if kept.digest != ask.digest {
        let detail = "Idempotency-Key: it was used for another call; use a new key for a new call";
        return Err(Problem::new(Code::IdempotencyKeyReused, detail));
    }
    // Its moment is its own commit's: it must not acknowledge what a lost standby never had.
    Ok(Answer {
        status: kept.status,
        body: kept.body.clone(),
        replayed: true,
        committed_at: onhand_wire::Timestamp::default(),
        stocks: Vec::new(),
    })
}

/// Kept are successes and insufficient_stock, nothing else.
fn keep(decided: &Result<Done, Problem>, ask: &Ask) -> Option<Kept> {
    if ask.key.is_empty() {
        return None;
    }
    let (status, body) = match decided {
        Ok(done) => (done.status, done.body.clone()),
        Err(problem) if problem.code == Code::InsufficientStock => {
            (problem.status(), serde_json::to_string(&problem.body()).expect("plain data encodes"))
        }
        Err(_) => return None,
    };
    Some(Kept { digest: ask.digest, status, body })
}

fn decide(state: &mut State, ask: &Ask, rules: &Rules) -> Result<Done, Problem> {
    if let Some(message) = &state.maintenance
        && !matches!(ask.command, Command::Maintain(_) | Command::Expire(_))
    {
        return Err(maintenance(message));
    }
    match &ask.command {
        Command::PutItem(sku, item) => catalogue::put_item(state, sku, item),
        Command::DeleteItem(sku) => catalogue::delete_item(state, ask, sku),
        Command::PutLocation(id, location) => catalogue::put_location(state, id, location),
        Command::PutChannel(id, channel) => catalogue::put_channel(state, id, channel, rules),
        Command::Maintain(maintenance) => catalogue::maintain(state, maintenance),
        Command::SetStock(sku, body) => stock::set(state, ask, sku, body),
        Command::Adjust(sku, body) => stock::adjust(state, ask, sku, body),
        Command::Transfer(body) => stock::transfer(state, ask, body),
        Command::SetPolicy(sku, body) => stock::set_policy(state, ask, sku, body),
        Command::Import(rows) => stock::import(state, ask, rows),
        Command::Hold(id, body) => hold::hold(state, ask, *id, body, rules),
        Command::Extend(id, body) => verb::extend(state, ask, *id, body),
        Command::Confirm(id, body) => verb::confirm(state, ask, *id, body),
        Command::Cancel(id, body) => verb::cancel(state, ask, *id, body),
        Command::Fulfil(id, body) => verb::fulfil(state, ask, *id, body),
        Command::Return(id, body) => verb::give_back(state, ask, *id, body),
        Command::Expire(id) => verb::expire(state, ask, *id),
        Command::Reconcile(rows) => reconcile::reconcile(state, ask, rows),
        Command::Keep(body) => Ok(Done { status: 200, body: body.clone(), stocks: Vec::new() }),
        Command::Recall => Err(Problem::new(Code::NotFound, "no answer is kept under this key")),
    }
}

pub fn maintenance(message: &str) -> Problem {
    Problem::new(Code::Maintenance, "writes are paused for maintenance; reads go on").with("message", message)
}

impl Ask {
    fn why<'a>(&'a self, kind: &'static str, reason: Option<&'a str>) -> Why<'a> {
        let reservation = match &self.command {
            Command::Hold(id, _) => Some(*id),
            command => command.reservation(),
        };
        Why { actor: &self.actor, kind, reason, correlation: &self.correlation, reservation }
    }
}

fn insufficient(detail: &'static str, lines: Vec<serde_json::Value>) -> Problem {
    Problem::new(Code::InsufficientStock, detail).with("lines", lines)
}

fn short(line: u32, sku: &onhand_wire::Sku, requested: i64, available: i64) -> serde_json::Value {
    serde_json::json!({"line": line, "sku": sku, "requested": requested, "available": available})
}
