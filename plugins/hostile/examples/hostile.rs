//! An allocation rule whose setting `behaviour` says how it misbehaves:
//! `loop`, `grow`, `trap`, `stack`, `chatter`, `log_flood`, `refuse`, `invalid_config`, `internal`,
//! `unknown_location`, `unknown_line`, `too_much`, `more_than_there_is`, `nothing`, `twice`, `huge`, `rank_short`,
//! `rank_high`; `count` keeps state and tells it. Anything else: all of each line from the first location,
//! whatever is there.

use std::sync::atomic::{AtomicU32, Ordering};

use hostile::misbehave;
use onhand_rule::{
    Allocation, Config, Error,
    allocation::{AskedLine, Location, Plan, Planned, Request, SkuStock},
};

struct Hostile;

static CALLS: AtomicU32 = AtomicU32::new(0);

fn whole(line: &AskedLine) -> Planned {
    Planned { line: line.line, location: 0, quantity: line.quantity }
}

fn times(parts: Vec<Planned>, times: usize) -> Vec<Planned> {
    std::iter::repeat_n(parts, times).flatten().collect()
}

impl Allocation for Hostile {
    fn allocate(
        config: &Config,
        _: Request,
        lines: Vec<AskedLine>,
        locations: Vec<Location>,
        _: Vec<SkuStock>,
    ) -> Result<Plan, Error> {
        let behaviour = misbehave(config);
        let unknown = locations.len() as u32;
        let change = |change: fn(&mut Planned)| {
            let mut parts: Vec<Planned> = lines.iter().map(whole).collect();
            parts.iter_mut().for_each(change);
            parts
        };
        let parts = || change(|_| ());
        let allocations = match behaviour.as_str() {
            "refuse" => return Err(Error::Refused("not today".into())),
            "invalid_config" => return Err(Error::InvalidConfig("behaviour = \"invalid_config\" is none".into())),
            "internal" => return Err(Error::Internal("broken".into())),
            "unknown_location" => parts().into_iter().map(|part| Planned { location: unknown, ..part }).collect(),
            "unknown_line" => change(|part| part.line += 1000),
            "too_much" => change(|part| part.quantity += 1),
            "more_than_there_is" => change(|part| part.location = 1),
            "nothing" => change(|part| part.quantity = 0),
            "twice" => times(change(|part| part.quantity = 1), 2),
            "huge" => times(parts(), 100_000),
            "count" => change(|part| part.quantity = CALLS.fetch_add(1, Ordering::Relaxed) + 1),
            _ => parts(),
        };
        Ok(Plan { allocations })
    }

    fn rank(config: &Config, _: Request, locations: Vec<Location>) -> Vec<Option<i32>> {
        match misbehave(config).as_str() {
            "rank_short" => vec![Some(7); locations.len() - 1],
            "rank_high" => vec![Some(i32::MAX); locations.len()],
            _ => vec![Some(7); locations.len()],
        }
    }
}

onhand_rule::register!(allocation: Hostile);
