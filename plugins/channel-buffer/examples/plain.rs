//! A view that shows what is there and asks its host for nothing: what the least call costs (`make bench`).
#![deny(unsafe_code)]

use onhand_rule::{
    Config, Error, View,
    view::{LocationStock, Presentation, Request, Shown, Stock},
};

struct Plain;

impl View for Plain {
    fn view(_: &Config, _: Request, stock: Stock) -> Result<Presentation, Error> {
        Ok(Presentation { locations: (0..).zip(&stock.locations).map(whole).collect(), label: None })
    }
}

fn whole((location, at): (u32, &LocationStock)) -> Shown {
    Shown { location, available: at.available, backorderable: at.backorderable }
}

onhand_rule::register!(view: Plain);
