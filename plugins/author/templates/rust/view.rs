//! Nobody sees more than `cap` units of a SKU at a location (5 unless the setting says otherwise).

use onhand_rule::{
    Config, Error, View,
    view::{Presentation, Request, Shown, Stock},
};

pub struct Rule;

impl View for Rule {
    fn view(config: &Config, _request: Request, stock: Stock) -> Result<Presentation, Error> {
        let cap = config.get("cap", 5)?;
        let mut locations = Vec::new();
        for (location, at) in (0..).zip(&stock.locations) {
            locations.push(Shown { location, available: at.available.min(cap), backorderable: at.backorderable });
        }
        Ok(Presentation { locations, label: None })
    }
}

onhand_rule::register!(view: Rule);

#[cfg(test)]
mod tests {
    use onhand_rule::testing;

    use super::*;

    #[test]
    fn no_more_than_the_cap_is_shown() {
        let stock = testing::stock("22423", &[("eu-1", 9), ("eu-2", 2)]);
        let shown = Rule::view(&Config::from([("cap", "3")]), testing::lookup("web"), stock).unwrap();
        assert_eq!(testing::shown(&shown), [(0, 3), (1, 2)]);
    }
}
