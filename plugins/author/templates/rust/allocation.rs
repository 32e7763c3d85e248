//! The first location that has every line in full serves them all; else the built-in strategy decides.

use onhand_rule::{
    Allocation, Config, Error,
    allocation::{AskedLine, Location, Plan, Planned, Request, SkuStock},
};

pub struct Rule;

impl Allocation for Rule {
    fn allocate(
        _config: &Config,
        _request: Request,
        lines: Vec<AskedLine>,
        locations: Vec<Location>,
        stock: Vec<SkuStock>,
    ) -> Result<Plan, Error> {
        for location in (0..).take(locations.len()) {
            if lines.iter().all(|line| available(&stock, &line.sku, location) >= asked(&lines, &line.sku)) {
                let whole = |line: AskedLine| Planned { line: line.line, location, quantity: line.quantity };
                return Ok(Plan { allocations: lines.into_iter().map(whole).collect() });
            }
        }
        Err(Error::Refused("no location has it all".into()))
    }
}

fn available(stock: &[SkuStock], sku: &str, location: u32) -> u64 {
    let offers = stock.iter().filter(|stock| stock.sku == sku).flat_map(|stock| &stock.offers);
    offers.filter(|offer| offer.location == location).map(|offer| u64::from(offer.available)).sum()
}

/// Lines of one SKU share its stock.
fn asked(lines: &[AskedLine], sku: &str) -> u64 {
    lines.iter().filter(|line| line.sku == sku).map(|line| u64::from(line.quantity)).sum()
}

onhand_rule::register!(allocation: Rule);

#[cfg(test)]
mod tests {
    use onhand_rule::testing;

    use super::*;

    #[test]
    fn the_first_that_has_it_all_serves() {
        let locations = testing::locations(&["eu-1", "eu-2"]);
        let stock = vec![testing::offers("22423", &[2, 9])];
        let lines = testing::lines(&[("22423", 5)]);
        let plan = Rule::allocate(&Config::from([]), testing::request("web"), lines, locations, stock).unwrap();
        assert_eq!(plan.allocations, [Planned { line: 0, location: 1, quantity: 5 }]);
    }
}
