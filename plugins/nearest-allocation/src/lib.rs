//! An allocation rule: nearest to the destination, fewest splits, keeps pickup stock back.
//!
//! | setting | default | meaning |
//! |---|---|---|
//! | `keep_pickup` | 1 | so many units of each SKU are kept back at each location where shoppers collect |
//!
//! **Nearest** is the great-circle distance to the destination. Locations without coordinates come
//! after those with; at equal distance, and for all of them when the destination has no coordinates,
//! the given serving order holds.
//!
//! Stock is used in three tiers, each only for what the tier before could not serve, over all lines:
//! 1. available units, less those kept back at pickup locations;
//! 2. the kept units;
//! 3. what may be backordered.
//!
//! Within a tier:
//! 1. If one location can serve all that is left of every line, the nearest such location does.
//! 2. Else line by line. If one location can serve what is left of the line, that one does: one that
//!    already serves this request before one that doesn't, then the nearest.
//! 3. Else the location with the most gives all it has (at a tie the nearest), and 2. is tried again.
//!    Taking the most first splits the line into the fewest parts that the tier allows.
//!
//! What no tier can serve is left out of the plan: whether a short line is refused is the origin's
//! decision. Ranks are distances in whole kilometres; a location or destination without coordinates
//! abstains.
#![deny(unsafe_code)]

mod distance;
mod share;

use onhand_rule::{
    Allocation, Config, Error,
    allocation::{AskedLine, Location, Plan, Request, SkuStock},
};

/// The rule.
pub struct NearestAllocation;

impl Allocation for NearestAllocation {
    fn allocate(
        config: &Config,
        request: Request,
        lines: Vec<AskedLine>,
        locations: Vec<Location>,
        stock: Vec<SkuStock>,
    ) -> Result<Plan, Error> {
        let keep_pickup = config.get("keep_pickup", 1)?;
        let order = distance::order(&request, &locations);
        Ok(share::share(&lines, &locations, &order, &stock, keep_pickup))
    }

    fn rank(_: &Config, request: Request, locations: Vec<Location>) -> Vec<Option<i32>> {
        // No two places are more than 20,040 km apart, so the distance always fits.
        distance::km(&request, &locations).into_iter().map(|km| km.map(|km| km.round() as i32)).collect()
    }
}

onhand_rule::register!(allocation: NearestAllocation);

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
