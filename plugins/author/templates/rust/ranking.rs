//! Where shoppers collect comes first; the channel's next rule, or its own order, decides the rest.

use onhand_rule::{
    Config, Error, Ranking,
    ranking::{Location, Request},
};

pub struct Rule;

impl Ranking for Rule {
    fn rank(_config: &Config, _request: Request, locations: Vec<Location>) -> Result<Vec<Option<i32>>, Error> {
        Ok(locations.iter().map(|location| location.pickup.then_some(0)).collect())
    }
}

onhand_rule::register!(ranking: Rule);

#[cfg(test)]
mod tests {
    use onhand_rule::testing;

    use super::*;

    #[test]
    fn pickup_points_are_ranked_and_the_rest_abstains() {
        let mut locations = testing::locations(&["eu-1", "shop"]);
        locations[1].pickup = true;
        assert_eq!(Rule::rank(&Config::from([]), testing::request("web"), locations), Ok(vec![None, Some(0)]));
    }
}
