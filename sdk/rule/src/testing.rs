//! Inputs in one line, for `cargo test` on the machine at hand.
//!
//! ```
//! use onhand_rule::{Config, View, testing, view::{Presentation, Request, Shown, Stock}};
//! # struct AtMostFive;
//! # impl View for AtMostFive {
//! #     fn view(_: &Config, _: Request, stock: Stock) -> Result<Presentation, onhand_rule::Error> {
//! #         let cap = |(location, at): (u32, &onhand_rule::view::LocationStock)| Shown {
//! #             location, available: at.available.min(5), backorderable: at.backorderable,
//! #         };
//! #         Ok(Presentation { locations: (0..).zip(&stock.locations).map(cap).collect(), label: None })
//! #     }
//! # }
//! let stock = testing::stock("22423", &[("eu-1", 9), ("eu-2", 2)]);
//! let shown = AtMostFive::view(&Config::from([]), testing::lookup("web"), stock).unwrap();
//! assert_eq!(testing::shown(&shown), [(0, 5), (1, 2)]);
//! ```
//!
//! All of it is plain data: change a field where a test needs another value.

use crate::{
    Coordinates, Destination,
    allocation::{AskedLine, Location, Offer, Request, SkuStock},
    pricing, view,
};

/// 31 January 2026, noon, in milliseconds since 1970.
pub const NOON: u64 = 1_769_860_800_000;

/// Somebody at a storefront; nobody said for where.
pub fn request(channel: &str) -> Request {
    Request { at: NOON, channel: Some(channel.to_owned()), destination: None }
}

/// Somebody in London.
pub fn to_london(channel: &str) -> Request {
    let coordinates = Some(Coordinates { lat: 51.5, lon: -0.1 });
    let destination = Destination { country: "GB".to_owned(), postcode: Some("EC1A 1BB".to_owned()), coordinates };
    Request { destination: Some(destination), ..request(channel) }
}

/// Lines of a SKU and a quantity each, numbered from 0.
pub fn lines(asked: &[(&str, u32)]) -> Vec<AskedLine> {
    let line =
        |(line, (sku, quantity)): (u32, &(&str, u32))| AskedLine { line, sku: (*sku).to_owned(), quantity: *quantity };
    (0..).zip(asked).map(line).collect()
}

/// Locations by id: priority 0, no coordinates, no pickup.
pub fn locations(ids: &[&str]) -> Vec<Location> {
    let location =
        |id: &&str| Location { id: (*id).to_owned(), region: None, priority: 0, coordinates: None, pickup: false };
    ids.iter().map(location).collect()
}

/// Units available of a SKU at each location, in their order; nothing to be backordered.
pub fn offers(sku: &str, available: &[u32]) -> SkuStock {
    let offer = |(location, available): (u32, &u32)| Offer { location, available: *available, backorderable: 0 };
    SkuStock { sku: sku.to_owned(), offers: (0..).zip(available).map(offer).collect() }
}

/// A lookup at a storefront.
pub fn lookup(channel: &str) -> view::Request {
    view::Request { channel: Some(channel.to_owned()), name: None }
}

/// A SKU's stock: units available by location; nothing to be backordered, no pickup.
pub fn stock(sku: &str, available: &[(&str, u32)]) -> view::Stock {
    let at = |(location, available): &(&str, u32)| view::LocationStock {
        location: (*location).to_owned(),
        available: *available,
        backorderable: 0,
        low_stock_at: 0,
        pickup: false,
    };
    view::Stock { sku: sku.to_owned(), locations: available.iter().map(at).collect() }
}

/// What is shown available, by the location's position.
pub fn shown(presentation: &view::Presentation) -> Vec<(u32, u32)> {
    presentation.locations.iter().map(|shown| (shown.location, shown.available)).collect()
}

/// A quote for a customer of a segment, or for somebody unknown.
pub fn quote(currency: &str, segment: Option<&str>) -> pricing::Request {
    let customer = |segment: &str| pricing::Customer { id: "c-1".to_owned(), segment: Some(segment.to_owned()) };
    pricing::Request {
        at: NOON,
        channel: Some("web".to_owned()),
        currency: currency.to_owned(),
        customer: segment.map(customer),
        destination: None,
    }
}

/// Lines of a SKU, a quantity and a list price in minor units, numbered from 0.
pub fn priced(asked: &[(&str, u32, i64)], currency: &str) -> Vec<pricing::AskedLine> {
    let line = |(line, (sku, quantity, price)): (u32, &(&str, u32, i64))| pricing::AskedLine {
        line,
        sku: (*sku).to_owned(),
        name: None,
        brand: None,
        attributes: Vec::new(),
        quantity: *quantity,
        list_price: Some(pricing::Money { amount: *price, currency: currency.to_owned() }),
    };
    (0..).zip(asked).map(line).collect()
}
