//! `percent` off each unit (10 unless the setting says otherwise) for customers of the segment `member`.

use onhand_rule::{
    Config, Error, Pricing,
    pricing::{Adjustment, AskedLine, LinePrice, Request, Target},
};

pub struct Rule;

impl Pricing for Rule {
    fn price(config: &Config, request: Request, lines: Vec<AskedLine>) -> Result<Vec<LinePrice>, Error> {
        let percent: i64 = config.get("percent", 10)?;
        let member = request.customer.is_some_and(|customer| customer.segment.as_deref() == Some("member"));
        let price = |line: AskedLine| {
            let unit_price = line
                .list_price
                .filter(|price| price.currency == request.currency)
                .ok_or_else(|| Error::Refused(format!("{} has no price in {}", line.sku, request.currency)))?;
            let mut adjustments = Vec::new();
            if member {
                let amount = -(unit_price.amount * percent / 100);
                adjustments.push(Adjustment { label: format!("Members: {percent} % off"), target: Target::Unit, amount });
            }
            Ok(LinePrice { line: line.line, unit_price, adjustments })
        };
        lines.into_iter().map(price).collect()
    }
}

onhand_rule::register!(pricing: Rule);

#[cfg(test)]
mod tests {
    use onhand_rule::testing;

    use super::*;

    #[test]
    fn members_pay_a_tenth_less() {
        let lines = testing::priced(&[("22423", 3, 1275)], "GBP");
        let prices = Rule::price(&Config::from([("percent", "10")]), testing::quote("GBP", Some("member")), lines).unwrap();
        assert_eq!(prices[0].adjustments[0].amount, -127);
    }
}
