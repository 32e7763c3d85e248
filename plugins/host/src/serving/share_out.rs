//! Which locations serve a line: by a built-in strategy, a rule, or the merged ranks of rules. It is pure except for
//! the rules. The origin decides with it on locked rows; an edge proposes with it.

mod rank;

use onhand_wire::{
    Channel, ChannelId, Location, Timestamp,
    allocate::{Plan, STRATEGIES},
};

use crate::{
    serving::rules::Rules,
    world::{
        allocation::{AllocationInput, AskedLine, Candidate, Offer},
        captured::CapturedCall,
    },
};

pub use rank::check as check_allocation;

/// What decided where the lines go, and the rules' calls.
pub struct AllocationDecision {
    /// The strategy, the rule, or the rules of a list.
    pub by: String,
    /// Every rule that was asked, including those that failed.
    pub trace: Vec<CapturedCall>,
}

/// Shares out every line of `plan` as the channel says, and returns what decided. Without a channel, or if no rule
/// answers, that is `priority`. `at`: the time by the origin database's clock. If `traced`, the decision also has what
/// the rules were asked and what they answered.
pub fn share_out(
    plan: &mut Plan<'_>,
    channel: Option<&Channel>,
    at: Timestamp,
    rules: &Rules,
    traced: bool,
) -> AllocationDecision {
    let allocation = channel.map_or("priority", |channel| channel.allocation.as_str());
    if STRATEGIES.contains(&allocation) {
        plan.by_strategy(allocation);
        return AllocationDecision { by: allocation.to_owned(), trace: Vec::new() };
    }
    let mut ask = Asker { at, channel: channel.map(|channel| &channel.channel), rules, traced, trace: Vec::new() };
    let decided = if plan.lines.iter().all(|line| line.location.is_some()) {
        None
    } else if rank::is_ranked(allocation, rules) {
        ask.by_ranks(plan, allocation)
    } else {
        ask.by_rule(plan, allocation).then(|| allocation.to_owned())
    };
    let by = decided.unwrap_or_else(|| {
        plan.by_strategy("priority");
        "priority".to_owned()
    });
    AllocationDecision { by, trace: ask.trace }
}

/// Asks the rules for one reservation, and keeps what was asked.
struct Asker<'a> {
    at: Timestamp,
    channel: Option<&'a ChannelId>,
    rules: &'a Rules,
    traced: bool,
    trace: Vec<CapturedCall>,
}

impl Asker<'_> {
    /// Asks the rule for every line without a location, all at once; false if it failed and nothing
    /// was taken.
    fn by_rule(&mut self, plan: &mut Plan<'_>, rule: &str) -> bool {
        if !self.rules.has_allocation(rule) {
            tracing::warn!(rule, "the channel's allocation rule is not loaded; the built-in strategy decides");
            return false;
        }
        let mut tried = plan.clone();
        for index in 0..tried.lines.len() {
            if let Some(named) = &tried.lines[index].location {
                tried.take(index, &[named]);
            }
        }
        let lines = asked(&tried);
        let stock = offers(&tried, &lines);
        let input = self.input(&tried, lines, stock);
        let (answer, call) = self.rules.allocate_traced(rule, &input, self.traced);
        self.trace.extend(call);
        let Ok(answer) = answer else { return false };
        for planned in answer.allocations {
            tried.give(planned.line as usize, &planned.location, planned.quantity);
        }
        *plan = tried;
        true
    }

    fn input(&self, plan: &Plan<'_>, lines: Vec<AskedLine>, stock: Vec<Offer>) -> AllocationInput {
        AllocationInput {
            at: self.at,
            channel: self.channel.cloned(),
            destination: plan.destination.cloned(),
            lines,
            locations: plan.serving.iter().map(|location| candidate(location)).collect(),
            stock,
        }
    }
}

/// The lines without a location, which the rule allocates.
fn asked(plan: &Plan<'_>) -> Vec<AskedLine> {
    let unnamed = plan.lines.iter().zip(0..).filter(|(line, _)| line.location.is_none());
    unnamed
        .map(|(line, number)| AskedLine { line: number, sku: line.sku.clone(), quantity: line.quantity.get() })
        .collect()
}

fn offers(plan: &Plan<'_>, lines: &[AskedLine]) -> Vec<Offer> {
    let mut stock: Vec<_> = Vec::new();
    let mut skus: Vec<_> = lines.iter().map(|line| &line.sku).collect();
    skus.sort();
    skus.dedup();
    for sku in skus {
        for location in &plan.serving {
            if let Some(left) = plan.left(sku, &location.location) {
                stock.push(Offer {
                    sku: sku.clone(),
                    location: location.location.clone(),
                    available: left.available,
                    backorderable: left.backorderable,
                });
            }
        }
    }
    stock
}

fn candidate(location: &Location) -> Candidate {
    Candidate {
        location: location.location.clone(),
        region: location.region.clone(),
        priority: location.priority,
        lat: location.lat,
        lon: location.lon,
        pickup: location.pickup,
    }
}
