//! A pricing rule whose setting `behaviour` says how it misbehaves:
//! `loop`, `grow`, `trap`, `stack`, `chatter`, `log_flood`, `refuse`, `negative_price`, `negative_total`,
//! `other_currency`, `left_out`, `twice`, `unknown_line`, `long_label`, `control_label`, `many`, `huge`.
//! Anything else: the list price, or 1 where there is none.

use hostile::misbehave;
use onhand_rule::{
    Config, Error, Pricing,
    pricing::{Adjustment, AskedLine, LinePrice, Money, Request, Target},
};

struct HostilePricing;

fn adjustment(label: &str, amount: i64) -> Adjustment {
    Adjustment { label: label.to_owned(), target: Target::Line, amount }
}

impl Pricing for HostilePricing {
    fn price(config: &Config, request: Request, lines: Vec<AskedLine>) -> Result<Vec<LinePrice>, Error> {
        let behaviour = misbehave(config);
        let one = Money { amount: 1, currency: request.currency };
        let plain = |line: AskedLine| LinePrice {
            line: line.line,
            unit_price: line.list_price.unwrap_or_else(|| one.clone()),
            adjustments: vec![],
        };
        let mut prices: Vec<LinePrice> = lines.into_iter().map(plain).collect();
        let each = |prices: &mut Vec<LinePrice>, change: &dyn Fn(&mut LinePrice)| prices.iter_mut().for_each(change);
        match behaviour.as_str() {
            "refuse" => return Err(Error::Refused("not today".into())),
            "negative_price" => each(&mut prices, &|price| price.unit_price.amount = -1),
            "negative_total" => {
                each(&mut prices, &|price| price.adjustments.push(adjustment("free and more", -1_000_000)))
            }
            "other_currency" => each(&mut prices, &|price| price.unit_price.currency = "XXX".into()),
            "left_out" => drop(prices.pop()),
            "twice" => prices.extend(prices.clone()),
            "unknown_line" => each(&mut prices, &|price| price.line += 1000),
            "long_label" => each(&mut prices, &|price| price.adjustments.push(adjustment(&"é".repeat(65), 0))),
            "control_label" => each(&mut prices, &|price| price.adjustments.push(adjustment("a\r\nb", 0))),
            "many" => each(&mut prices, &|price| price.adjustments = vec![adjustment("again", -1); 17]),
            "huge" => prices = vec![prices[0].clone(); 1 << 16],
            _ => {}
        }
        Ok(prices)
    }
}

onhand_rule::register!(pricing: HostilePricing);
