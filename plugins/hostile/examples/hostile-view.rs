//! A view rule whose setting `behaviour` says how it misbehaves:
//! `loop`, `grow`, `trap`, `stack`, `chatter`, `log_flood`, `refuse`, `unknown_location`, `too_much`,
//! `too_much_backorder`, `twice`, `long_label`, `control_label`, `huge_label`. Anything else shows all as it is.

use hostile::misbehave;
use onhand_rule::{
    Config, Error, View,
    view::{Presentation, Request, Shown, Stock},
};

struct HostileView;

impl View for HostileView {
    fn view(config: &Config, _: Request, stock: Stock) -> Result<Presentation, Error> {
        let behaviour = misbehave(config);
        let offered = stock.locations.len() as u32;
        let mut locations: Vec<Shown> = (0..)
            .zip(&stock.locations)
            .map(|(location, at)| Shown { location, available: at.available, backorderable: at.backorderable })
            .collect();
        let mut label = None;
        match behaviour.as_str() {
            "refuse" => return Err(Error::Refused("not today".into())),
            "unknown_location" => locations.iter_mut().for_each(|shown| shown.location = offered),
            "too_much" => locations.iter_mut().for_each(|shown| shown.available += 1),
            "too_much_backorder" => locations.iter_mut().for_each(|shown| shown.backorderable += 1),
            "twice" => locations.extend(locations.clone()),
            "long_label" => label = Some("é".repeat(65)),
            "control_label" => label = Some("10+\r\nSet-Cookie: a=b".into()),
            "huge_label" => label = Some("x".repeat(1 << 20)),
            _ => {}
        }
        Ok(Presentation { locations, label })
    }
}

onhand_rule::register!(view: HostileView);
