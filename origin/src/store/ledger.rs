//! Compares the ledger with the rows, line by line, and rebuilds the rows from the ledger alone.
//!
//! Both stores run the same SQL. Checking reads one ordered stream, each key's lines and then its
//! row, so that memory does not grow with the ledger.

use std::{fmt, str::FromStr};

use onhand_wire::Timestamp;
use serde::Serialize;

use super::sql::STOCK;
use crate::record::StockPolicy;

/// Every line in its key's order, and after them the key's row, which has no id.
/// `row_policy`: the row's policy as JSON, in the store's own words.
pub(super) fn steps(row_policy: &str) -> String {
    format!(
        "SELECT sku, location, on_hand_before, reserved_before, on_hand_after, reserved_after, seq, at,
            CAST(policy AS text), id, kind = 'baseline', kind LIKE 'reconcile%'
        FROM ledger
        UNION ALL
        SELECT sku, location, 0, 0, on_hand, reserved, seq, changed_at, CAST({row_policy} AS text), NULL, false, false
        FROM inventory_items
        ORDER BY 1, 2, 10 NULLS LAST"
    )
}

/// One row for each key: its last line, and the last line that set a policy.
pub(super) fn rebuild(into: &Table) -> String {
    format!(
        "INSERT INTO {into} ({STOCK})
        SELECT l.sku, l.location, l.on_hand_after, l.reserved_after,
            coalesce(CAST(p.policy->>'safety_stock' AS bigint), 0),
            coalesce(CAST(p.policy->>'backorder_limit' AS bigint), 0),
            coalesce(CAST(p.policy->>'low_stock_at' AS bigint), 0),
            p.policy->>'restock_at', l.seq, l.at, coalesce(CAST(p.policy->>'deleted' AS boolean), false)
        FROM (SELECT sku, max(id) AS id, max(CASE WHEN policy IS NOT NULL THEN id END) AS policy_id
                FROM ledger GROUP BY sku, location) newest
            JOIN ledger l ON l.sku = newest.sku AND l.id = newest.id
            LEFT JOIN ledger p ON p.sku = newest.sku AND p.id = newest.policy_id"
    )
}

/// Keys whose row is not the same in both tables.
pub(super) fn differences(table: &Table) -> String {
    let differ = STOCK.split(", ").map(|column| format!("r.{column} IS DISTINCT FROM i.{column}"));
    let differ = differ.collect::<Vec<_>>().join(" OR ");
    format!(
        "SELECT count(*) FROM {table} r FULL JOIN inventory_items i ON r.sku = i.sku AND r.location = i.location
        WHERE {differ}"
    )
}

/// A table to rebuild into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table(String);

impl Table {
    /// The rows themselves.
    pub fn rows() -> Self {
        Self("inventory_items".to_owned())
    }

    pub fn is_rows(&self) -> bool {
        *self == Self::rows()
    }
}

impl FromStr for Table {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if plain && starts && name.len() <= 63 {
            return Ok(Self(name.to_owned()));
        }
        Err("a table's name: 1 to 63 of a-z, 0-9 and _, not starting with a digit".to_owned())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The result of a rebuild.
#[derive(Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// Nothing was done, because there are this many rows.
    NotEmpty(u64),
    Done {
        rows: u64,
        /// Rows that differ in `inventory_items`, in the same snapshot; 0 if it was the target itself.
        differences: u64,
    },
}

/// A place where ledger and rows do not agree.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LedgerFault {
    pub sku: String,
    pub location: String,
    /// The ledger line at fault; `None` if it is the row.
    pub line: Option<i64>,
    pub what: String,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct LedgerCheck {
    pub lines: u64,
    pub rows: u64,
    /// How many faults there are; `first` has the first of them.
    pub faults: u64,
    pub first: Vec<LedgerFault>,
}

/// A ledger line or, without an id, a row.
#[derive(Debug)]
pub(super) struct Step {
    pub sku: String,
    pub location: String,
    /// On hand and reserved.
    pub before: (i64, i64),
    pub after: (i64, i64),
    pub seq: i64,
    pub at: Timestamp,
    pub policy: Option<StockPolicy>,
    pub id: Option<i64>,
    /// The line records a row's policy at the time when lines began to have policies; it changes nothing.
    pub baseline: bool,
    /// A reconciliation's line: it continues from the sum of all changes, and so repairs a chain that somebody broke by
    /// writing to the row without the ledger.
    pub corrects: bool,
}

/// What a key's lines have said so far.
struct SoFar {
    key: (String, String),
    level: (i64, i64),
    /// The sum of all changes.
    sum: (i64, i64),
    seq: i64,
    at: Timestamp,
    policy: StockPolicy,
    /// Breaks of the chain that no correction has settled yet.
    broken: Vec<(Option<i64>, String)>,
}

/// Walks the steps in order.
pub(super) struct Checker {
    most: usize,
    check: LedgerCheck,
    so_far: Option<SoFar>,
}

impl Checker {
    /// `most`: faults to describe; all are counted.
    pub(super) fn new(most: usize) -> Self {
        Self { most, check: LedgerCheck::default(), so_far: None }
    }

    pub(super) fn lines(&self) -> u64 {
        self.check.lines
    }

    pub(super) fn take(&mut self, step: Step) {
        let key = (step.sku.clone(), step.location.clone());
        if self.so_far.as_ref().is_some_and(|so_far| so_far.key != key) {
            self.close();
        }
        if step.id.is_some() {
            self.check.lines += 1;
            self.line(key, step);
        } else {
            self.check.rows += 1;
            self.row(&key, &step);
        }
    }

    pub(super) fn finish(mut self) -> LedgerCheck {
        self.close();
        self.check
    }

    fn fault(&mut self, (sku, location): &(String, String), line: Option<i64>, what: String) {
        self.check.faults += 1;
        if self.check.first.len() < self.most {
            self.check.first.push(LedgerFault { sku: sku.clone(), location: location.clone(), line, what });
        }
    }

    fn line(&mut self, key: (String, String), step: Step) {
        let mut so_far = self.so_far.take().unwrap_or_else(|| SoFar {
            key: key.clone(),
            level: (0, 0),
            sum: (0, 0),
            seq: 0,
            at: Timestamp::default(),
            policy: StockPolicy::default(),
            broken: Vec::new(),
        });
        if step.corrects && step.before == so_far.sum {
            so_far.broken.clear();
        } else if step.before != so_far.level {
            let what = format!("it starts from {}; the line before left {}", level(step.before), level(so_far.level));
            so_far.broken.push((step.id, what));
        }
        let changed = (step.after.0 - step.before.0, step.after.1 - step.before.1);
        let sum = (so_far.sum.0 + changed.0, so_far.sum.1 + changed.1);
        let rises = if step.baseline { step.seq >= so_far.seq } else { step.seq > so_far.seq };
        if !rises {
            self.fault(&key, step.id, format!("its seq is {}; the line before has {}", step.seq, so_far.seq));
        }
        let policy = step.policy.unwrap_or(so_far.policy);
        self.so_far = Some(SoFar { level: step.after, sum, seq: step.seq, at: step.at, policy, ..so_far });
    }

    fn row(&mut self, key: &(String, String), row: &Step) {
        let Some(so_far) = self.so_far.take() else {
            return self.fault(key, None, "the ledger has no line of this row".to_owned());
        };
        self.tell_breaks(&so_far);
        let policy = row.policy.clone().unwrap_or_default();
        let mut compare = |same: bool, what: &str, ledger: String, row: String| {
            if !same {
                self.fault(key, None, format!("{what}: the ledger tells {ledger}, the row has {row}"));
            }
        };
        compare(so_far.level == row.after, "quantities", level(so_far.level), level(row.after));
        compare(so_far.policy == policy, "policy", shown(&so_far.policy), shown(&policy));
        compare(so_far.seq == row.seq, "seq", so_far.seq.to_string(), row.seq.to_string());
        compare(so_far.at == row.at, "changed_at", so_far.at.to_string(), row.at.to_string());
    }

    fn tell_breaks(&mut self, so_far: &SoFar) {
        for (line, what) in &so_far.broken {
            self.fault(&so_far.key, *line, what.clone());
        }
    }

    /// A key is over; its row would have ended it.
    fn close(&mut self) {
        if let Some(so_far) = self.so_far.take() {
            self.tell_breaks(&so_far);
            self.fault(&so_far.key, None, format!("the ledger tells {}, there is no row", level(so_far.level)));
        }
    }
}

fn level((on_hand, reserved): (i64, i64)) -> String {
    format!("{on_hand} on hand, {reserved} reserved")
}

fn shown(policy: &StockPolicy) -> String {
    serde_json::to_string(policy).expect("plain data encodes")
}
