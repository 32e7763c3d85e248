//! A ranking rule whose setting `behaviour` says how it misbehaves:
//! `loop`, `grow`, `trap`, `stack`, `chatter`, `log_flood`, `refuse`, `invalid_config`, `rank_short`, `rank_long`,
//! `rank_high`, `rank_low`, `huge`; `highest` and `lowest` are just within the range. Anything else: the ranks that
//! the setting `ranks` tells, such as `A=0,B=1`, and no rank for locations that it doesn't name.

use hostile::misbehave;
use onhand_rule::{
    Config, Error, Ranking,
    ranking::{Location, Request},
};

struct HostileRanking;

impl Ranking for HostileRanking {
    fn rank(config: &Config, _: Request, locations: Vec<Location>) -> Result<Vec<Option<i32>>, Error> {
        let all = locations.len();
        Ok(match misbehave(config).as_str() {
            "refuse" => return Err(Error::Refused("not today".into())),
            "invalid_config" => return Err(Error::InvalidConfig("behaviour = \"invalid_config\" is none".into())),
            "rank_short" => vec![Some(7); all - 1],
            "rank_long" => vec![Some(7); all + 1],
            "rank_high" => vec![Some(1_000_000_001); all],
            "rank_low" => vec![Some(-1_000_000_001); all],
            "highest" => vec![Some(1_000_000_000); all],
            "lowest" => vec![Some(-1_000_000_000); all],
            "huge" => vec![Some(7); 1 << 16],
            _ => {
                let told = config.text("ranks").unwrap_or_default();
                locations.iter().map(|location| told_of(&told, &location.id)).collect()
            }
        })
    }
}

fn told_of(ranks: &str, location: &str) -> Option<i32> {
    let mut pairs = ranks.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find(|(id, _)| *id == location).and_then(|(_, rank)| rank.parse().ok())
}

onhand_rule::register!(ranking: HostileRanking);
