//! Merges the ranks of several rules into one order of the locations.

use onhand_wire::{
    LocationId,
    allocate::{Plan, STRATEGIES},
};

use super::Asker;
use crate::{serving::rules::Rules, world::World};

/// The most rules of one channel. Each may use up its deadline while the batch holds its locks.
const RANKING_RULES: usize = 4;

/// Whether a channel's `allocation` can decide; if not, what would be right.
pub fn check(allocation: &str, rules: &Rules) -> Result<(), String> {
    if STRATEGIES.contains(&allocation) {
        return Ok(());
    }
    let named: Vec<&str> = allocation.split(',').collect();
    if named.len() > RANKING_RULES {
        return Err(format!("at most {RANKING_RULES} rules"));
    }
    if let Some((_, twice)) = named.iter().enumerate().find(|(at, name)| named[..*at].contains(name)) {
        return Err(format!("{twice} is named twice"));
    }
    if let (2.., Some(alone)) = (named.len(), named.iter().find(|name| STRATEGIES.contains(name))) {
        return Err(format!("{alone} is built in, and cannot be combined with rules"));
    }
    let known = |name: &&&str| matches!(rules.world(name), Some(World::Allocation | World::Ranking));
    match named.iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(unknown) => Err(format!(
            "{unknown:?} is none of {}, nor a loaded allocation or ranking rule (up to {RANKING_RULES} rules that \
             rank, separated by commas without blanks)",
            STRATEGIES.join(", ")
        )),
    }
}

/// A rule of the allocation world decides alone, one of the ranking world or several rules by rank.
pub(super) fn is_ranked(allocation: &str, rules: &Rules) -> bool {
    allocation.contains(',') || rules.world(allocation) == Some(World::Ranking)
}

impl Asker<'_> {
    /// Serves each line in the merged order. Returns the names of the rules that took part, which are all except those
    /// that failed; `None` if all failed, and then nothing was taken.
    pub(super) fn by_ranks(&mut self, plan: &mut Plan<'_>, named: &str) -> Option<String> {
        let (decided, order) = self.ranked(plan, named)?;
        for index in 0..plan.lines.len() {
            match &plan.lines[index].location {
                Some(named) => plan.take(index, &[named]),
                None => plan.take(index, &order),
            }
        }
        Some(decided)
    }

    fn ranked<'p>(&mut self, plan: &Plan<'p>, named: &str) -> Option<(String, Vec<&'p LocationId>)> {
        let input = self.input(plan, Vec::new(), Vec::new());
        let (mut decided, mut ranks) = (Vec::new(), Vec::new());
        for rule in named.split(',') {
            if self.rules.world(rule).is_none() {
                tracing::warn!(rule, "a rule of the channel's allocation is not loaded; it abstains");
                continue;
            }
            let (answer, call) = self.rules.rank_traced(rule, &input, self.traced);
            self.trace.extend(call);
            if let Ok(answer) = answer {
                decided.push(rule);
                ranks.push(answer);
            }
        }
        if decided.is_empty() {
            return None;
        }
        let order = merge(plan.serving.len(), &ranks).into_iter().map(|at| &plan.serving[at].location);
        Some((decided.join(","), order.collect()))
    }
}

/// Positions by the first rule's rank, ties by the next one's, and so on. A location that a rule abstains from comes
/// after all that it ranks; a tie that remains keeps the input's order.
fn merge(locations: usize, ranks: &[Vec<Option<i32>>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..locations).collect();
    order.sort_by_cached_key(|at| {
        let key = |ranks: &Vec<Option<i32>>| (ranks[*at].is_none(), ranks[*at]);
        ranks.iter().map(key).collect::<Vec<_>>()
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: usize = 0;
    const B: usize = 1;
    const C: usize = 2;

    fn merged(ranks: &[[Option<i32>; 3]]) -> Vec<usize> {
        merge(3, &ranks.iter().map(|ranks| ranks.to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn a_tie_passes_on_to_the_next_rule() {
        let first = [Some(0), Some(0), Some(1)];
        let second = [Some(5), Some(1), Some(0)];
        assert_eq!(merged(&[first, second]), [B, A, C]);
        assert_eq!(merged(&[second, first]), [C, B, A], "the first rule decides before the second");
        assert_eq!(merged(&[first, first, second]), [B, A, C]);
    }

    #[test]
    fn what_stays_tied_keeps_the_serving_order() {
        assert_eq!(merged(&[]), [A, B, C]);
        assert_eq!(merged(&[[Some(3); 3], [None; 3]]), [A, B, C]);
        assert_eq!(merged(&[[Some(1), Some(0), Some(0)]]), [B, C, A]);
    }

    #[test]
    fn an_abstention_comes_after_any_rank_and_two_are_a_tie() {
        assert_eq!(merged(&[[None, Some(i32::MAX), Some(i32::MIN)]]), [C, B, A]);
        assert_eq!(merged(&[[None, Some(0), None], [Some(1), Some(2), Some(0)]]), [B, C, A]);
    }
}
