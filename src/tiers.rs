//! What each tier holds, compared with the origin's rows.

mod error;
pub(crate) mod edges;
pub(crate) mod l2;
pub(crate) mod ledger;

use std::collections::{HashMap, HashSet};

use onhand_checker::Key;
use onhand_client::Client;
use onhand_wire::{
    Fact, LocationId, Sku, Timestamp,
    bulk::{LOAD_SKUS, LoadFacts},
};
use serde_json::{Value, json};

pub(crate) use self::error::Error;

/// One comparison.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: String,
    /// What a unit of `compared` is.
    pub(crate) of: &'static str,
    pub(crate) compared: u64,
    pub(crate) mismatches: u64,
    pub(crate) examples: Vec<String>,
    /// Why nothing was compared, where that is no fault.
    pub(crate) left_out: Option<&'static str>,
}

const EXAMPLES: usize = 5;

impl Check {
    pub(crate) fn new(name: impl Into<String>, of: &'static str) -> Self {
        Self { name: name.into(), of, compared: 0, mismatches: 0, examples: vec![], left_out: None }
    }

    pub(crate) fn compare(&mut self, same: bool, what: impl FnOnce() -> String) {
        self.compared += 1;
        if !same {
            self.mismatch(what);
        }
    }

    pub(crate) fn mismatch(&mut self, what: impl FnOnce() -> String) {
        self.mismatches += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }

    /// A comparison of nothing shows nothing, so it does not hold, unless that was asked for.
    pub(crate) fn holds(&self) -> bool {
        self.left_out.is_some() || (self.mismatches == 0 && self.compared > 0)
    }

    /// One line for people, and a few examples under it.
    pub(crate) fn line(&self) -> String {
        if let Some(why) = self.left_out {
            return format!("  ——  {}: not compared ({why})\n", self.name);
        }
        let Self { name, of, compared, mismatches, examples, .. } = self;
        let mark = if self.holds() { " ok " } else { "FAIL" };
        let head = format!("{mark}  {name}: {compared} {of} compared, {mismatches} mismatches\n");
        let examples = examples.iter().map(|example| format!("        {example}\n"));
        std::iter::once(head).chain(examples).collect()
    }

    pub(crate) fn as_json(&self) -> Value {
        let Self { name, of, compared, mismatches, examples, left_out } = self;
        json!({
            "name": name, "of": of, "compared": compared, "mismatches": mismatches, "examples": examples,
            "holds": self.holds(), "left_out": left_out,
        })
    }
}

/// The rows as the origin has them now.
pub(crate) struct Loaded {
    /// Read before the first of them: every change acknowledged before it is in.
    pub(crate) at: Timestamp,
    /// Of items that are not deleted.
    pub(crate) live: HashMap<Key, Fact>,
}

pub(crate) async fn load(origins: &Client, skus: &[Sku]) -> Result<Loaded, Error> {
    let (mut live, mut at) = (HashMap::new(), None::<Timestamp>);
    for skus in skus.chunks(LOAD_SKUS) {
        let request = LoadFacts { skus: skus.to_vec(), ..LoadFacts::default() };
        let loaded = origins.facts(&request).await?.value;
        at = at.or(Some(loaded.at));
        let facts = loaded.stocks.into_iter().flat_map(|stock| stock.facts).filter(|fact| !fact.deleted);
        live.extend(facts.map(|fact| ((fact.sku.clone(), fact.location.clone()), fact)));
    }
    Ok(Loaded { at: at.unwrap_or_default(), live })
}

pub(crate) async fn enabled_locations(origins: &Client) -> Result<HashSet<LocationId>, Error> {
    let enabled = origins.topology().await?.value.locations.into_iter().filter(|location| location.enabled);
    Ok(enabled.map(|location| location.location).collect())
}
