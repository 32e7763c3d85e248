//! A view rule: hides the last few units of a SKU, and says "10+" rather than the number.
//!
//! | setting | default | meaning |
//! |---|---|---|
//! | `hide_last` | 2 | so many units of the SKU, over all its locations together, are not shown |
//! | `bucket` | 10 | when at least so many are shown in total, the label says so ("10+"); 0: never |
//!
//! The hidden units are taken from the location that serves last, then from the one before it: what
//! serves first stays visible. Every location stays in the answer; what may be backordered is shown
//! as it is.
#![deny(unsafe_code)]

use onhand_rule::{
    Config, Error, View,
    view::{LocationStock, Presentation, Request, Shown, Stock},
};

/// The rule.
pub struct ChannelBuffer;

impl View for ChannelBuffer {
    fn view(config: &Config, _: Request, stock: Stock) -> Result<Presentation, Error> {
        let hide_last = config.get("hide_last", 2)?;
        let bucket = config.get("bucket", 10)?;
        let mut locations: Vec<Shown> = (0..).zip(&stock.locations).map(whole).collect();
        hide(&mut locations, hide_last);
        let label = label(&locations, bucket);
        Ok(Presentation { locations, label })
    }
}

fn whole((location, at): (u32, &LocationStock)) -> Shown {
    Shown { location, available: at.available, backorderable: at.backorderable }
}

fn hide(locations: &mut [Shown], mut units: u32) {
    for shown in locations.iter_mut().rev() {
        let hidden = shown.available.min(units);
        shown.available -= hidden;
        units -= hidden;
    }
}

fn label(locations: &[Shown], bucket: u32) -> Option<String> {
    let total: u64 = locations.iter().map(|shown| u64::from(shown.available)).sum();
    (bucket > 0 && total >= u64::from(bucket)).then(|| format!("{bucket}+"))
}

onhand_rule::register!(view: ChannelBuffer);

#[cfg(test)]
mod tests {
    use super::*;

    /// The shown units per location, and the label.
    fn shown(config: Config, available: &[u32]) -> (Vec<u32>, Option<String>) {
        let at = |&available: &u32| LocationStock {
            location: "any".into(),
            available,
            backorderable: 4,
            low_stock_at: 0,
            pickup: false,
        };
        let stock = Stock { sku: "22423".into(), locations: available.iter().map(at).collect() };
        let answer = ChannelBuffer::view(&config, Request { channel: None, name: None }, stock).unwrap();
        assert!(answer.locations.iter().all(|shown| shown.backorderable == 4));
        (answer.locations.iter().map(|shown| shown.available).collect(), answer.label)
    }

    #[test]
    fn the_last_units_are_hidden_where_they_would_serve_last() {
        assert_eq!(shown(Config::from([]), &[5, 3, 1]), (vec![5, 2, 0], None));
        assert_eq!(shown(Config::from([("hide_last", "0")]), &[5, 3]), (vec![5, 3], None));
    }

    #[test]
    fn fewer_than_are_hidden_shows_none() {
        assert_eq!(shown(Config::from([("hide_last", "9")]), &[5, 3]), (vec![0, 0], None));
        assert_eq!(shown(Config::from([]), &[]), (vec![], None));
    }

    #[test]
    fn the_label_counts_what_is_shown_not_what_is_there() {
        assert_eq!(shown(Config::from([]), &[6, 5]).1, None);
        assert_eq!(shown(Config::from([]), &[6, 6]).1.as_deref(), Some("10+"));
        assert_eq!(shown(Config::from([("bucket", "0")]), &[60, 6]).1, None);
        assert_eq!(shown(Config::from([]), &[1_000_000_000; 9]).1.as_deref(), Some("10+"));
    }

    #[test]
    fn a_wrong_setting_is_named() {
        let stock = Stock { sku: "22423".into(), locations: vec![] };
        let answer =
            ChannelBuffer::view(&Config::from([("bucket", "-1")]), Request { channel: None, name: None }, stock);
        assert!(matches!(answer, Err(Error::InvalidConfig(detail)) if detail.contains("bucket")));
    }
}
