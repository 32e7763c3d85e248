use onhand_wire::{
    ChannelId, Fact, Location, LocationId, Money, Version,
    bulk::LoadedTopology,
    quote::{Adjustment, NoPrice},
    request,
};

use super::*;
use crate::topology::Topology;

fn location(name: &str, priority: i32, enabled: bool) -> Location {
    let location = LocationId::new(name).unwrap();
    let (version, changed_at) = (Version::new(1, 1), Timestamp::default());
    let (lat, lon) = (None, None);
    Location {
        location,
        name: name.to_owned(),
        region: None,
        priority,
        lat,
        lon,
        enabled,
        pickup: false,
        version,
        changed_at,
        deleted: false,
    }
}

fn fact(sku: &str, location: &str, on_hand: i64) -> Fact {
    Fact {
        sku: Sku::new(sku).unwrap(),
        location: LocationId::new(location).unwrap(),
        on_hand,
        reserved: 0,
        safety_stock: 0,
        backorder_limit: 0,
        low_stock_at: 0,
        restock_at: None,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

fn item(sku: &str, price: Option<(i64, &str)>) -> Item {
    Item {
        sku: Sku::new(sku).unwrap(),
        name: sku.to_owned(),
        brand: None,
        attributes: Default::default(),
        price: price.map(|(amount, currency)| Money { amount, currency: currency.to_owned() }),
        active: true,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

fn channel(locations: &[&str], allocation: &str) -> Channel {
    Channel {
        channel: ChannelId::new("web").unwrap(),
        locations: locations.iter().map(|name| LocationId::new(name).unwrap()).collect(),
        allocation: allocation.to_owned(),
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

/// pounds: 250 pence at eu-1 (5) and eu-2 (9); euros: 300 cents at eu-2 (4); bare: no price, no stock.
fn shop() -> Vec<(Item, Stock)> {
    let deleted = Fact { deleted: true, ..fact("pounds", "eu-3", 50) };
    let pounds = vec![fact("pounds", "eu-1", 5), fact("pounds", "eu-2", 9), deleted, fact("pounds", "off", 99)];
    [
        (item("pounds", Some((250, "GBP"))), pounds),
        (item("euros", Some((300, "EUR"))), vec![fact("euros", "eu-2", 4)]),
        (item("dear", Some((limits::AMOUNT, "GBP"))), Vec::new()),
        (item("bare", None), Vec::new()),
    ]
    .into_iter()
    .map(|(item, facts)| {
        let mut stock = Stock { item: Some(item.clone()), facts: Vec::new() };
        facts.into_iter().for_each(|fact| {
            stock.join_fact(fact);
        });
        (item, stock)
    })
    .collect()
}

fn ask(body: serde_json::Value) -> AskQuote {
    request::read(&serde_json::to_vec(&body).unwrap()).unwrap()
}

fn quoted(body: serde_json::Value, channel: Option<&Channel>) -> Result<Quote, Problem> {
    let topology = Topology::default();
    let locations = vec![
        location("eu-1", 0, true),
        location("eu-2", 1, true),
        location("eu-3", 2, true),
        location("off", 0, false),
    ];
    topology.join_loaded(LoadedTopology {
        at: Timestamp::default(),
        term: 1,
        good_since: 1,
        locations,
        channels: Vec::new(),
    });
    let (ask, shop) = (ask(body), shop());
    let of = |sku: &Sku| shop.iter().find(|(item, _)| item.sku == *sku).unwrap();
    let stocks: Vec<_> = ask.lines.iter().map(|line| of(&line.sku)).map(|(item, stock)| (item, stock)).collect();
    let rules = Rules::none();
    let scene = Scene { channel, snapshot: &topology.snapshot(), rules: &rules, at: Timestamp::default() };
    quote(&ask, &stocks, &scene)
}

fn shares(line: &QuotedLine) -> Vec<(&str, i64)> {
    line.allocation.iter().map(|share| (share.location.as_str(), share.quantity)).collect()
}

#[test]
fn a_priced_line_costs_its_units_and_the_quote_the_sum() {
    let lines = serde_json::json!({"lines": [{"sku": "pounds", "quantity": 3}, {"sku": "pounds", "quantity": 4}]});
    let quote = quoted(lines, None).unwrap();
    assert_eq!(quote.lines[0].unit_price, Some(Money { amount: 250, currency: "GBP".to_owned() }));
    assert_eq!(quote.lines[0].total.as_ref().unwrap().amount, 750);
    assert_eq!(quote.total, Some(Total { amount: 1750, currency: "GBP".to_owned() }));
    assert_eq!((quote.shippable, quote.allocated_by.as_str(), quote.no_total), (true, "priority", None));
    // The second line sees what the first leaves.
    assert_eq!((shares(&quote.lines[0]), shares(&quote.lines[1])), (vec![("eu-1", 3)], vec![("eu-1", 2), ("eu-2", 2)]));
}

#[test]
fn a_short_line_shows_what_there_is_and_is_not_shippable() {
    let quote = quoted(serde_json::json!({"lines": [{"sku": "pounds", "quantity": 15}]}), None).unwrap();
    assert_eq!(
        shares(&quote.lines[0]),
        [("eu-1", 5), ("eu-2", 9)],
        "neither deleted facts nor disabled locations count"
    );
    assert!(!quote.shippable);
    assert_eq!(quote.total.unwrap().amount, 3750, "what it would cost");
}

#[test]
fn a_channel_says_which_locations_serve_and_how() {
    let body = serde_json::json!({"lines": [{"sku": "pounds", "quantity": 6}]});
    let quote_in = |channel: &Channel| quoted(body.clone(), Some(channel)).unwrap();
    assert_eq!(shares(&quote_in(&channel(&["eu-1", "off"], "priority")).lines[0]), [("eu-1", 5)]);
    let most = quote_in(&channel(&["eu-1", "eu-2"], "most_stock"));
    assert_eq!((shares(&most.lines[0]), most.allocated_by.as_str()), (vec![("eu-2", 6)], "most_stock"));
    let gone = quote_in(&channel(&["eu-2", "eu-1"], "a-rule-that-is-gone"));
    assert_eq!((shares(&gone.lines[0]), gone.allocated_by.as_str()), (vec![("eu-2", 6)], "priority"));
}

#[test]
fn money_is_never_guessed() {
    let none =
        quoted(serde_json::json!({"lines": [{"sku": "bare", "quantity": 1}, {"sku": "pounds", "quantity": 1}]}), None);
    let none = none.unwrap();
    assert_eq!(
        (none.lines[0].no_price, &none.lines[0].unit_price, &none.lines[0].total),
        (Some(NoPrice::NotSet), &None, &None)
    );
    assert_eq!(
        (none.lines[1].total.as_ref().unwrap().amount, none.total, none.no_total),
        (250, None, Some(NoTotal::UnpricedLines))
    );
    let other =
        quoted(serde_json::json!({"currency": "EUR", "lines": [{"sku": "pounds", "quantity": 1}]}), None).unwrap();
    assert_eq!((other.lines[0].no_price, other.total), (Some(NoPrice::OtherCurrency), None));
    let both = serde_json::json!({"lines": [{"sku": "pounds", "quantity": 1}, {"sku": "euros", "quantity": 1}]});
    let both = quoted(both, None).unwrap();
    assert_eq!((both.total, both.no_total), (None, Some(NoTotal::SeveralCurrencies)));
    assert_eq!(both.lines[1].total.as_ref().unwrap().currency, "EUR");
}

#[test]
fn a_total_beyond_what_readers_keep_exactly_is_refused_by_name() {
    let field = |body| quoted(body, None).unwrap_err().members["field"].as_str().unwrap().to_owned();
    let line = |quantity| serde_json::json!({"sku": "dear", "quantity": quantity});
    assert_eq!(field(serde_json::json!({"lines": [line(1), line(9008)]})), "lines[1].quantity");
    assert_eq!(field(serde_json::json!({"lines": [line(9007), line(1)]})), "lines");
    let most = quoted(serde_json::json!({"lines": [line(9007)]}), None).unwrap();
    assert_eq!(most.total.unwrap().amount, 9007 * limits::AMOUNT);
}

#[test]
fn adjustments_are_of_the_whole_line_and_take_nothing_below_nothing() {
    let ask = ask(serde_json::json!({"lines": [{"sku": "pounds", "quantity": 2}]}));
    let off = |amount| Adjustment { rule: "sale".to_owned(), label: "Sale".to_owned(), amount };
    let priced = |amount| Priced {
        unit: Some(Money { amount: 250, currency: "GBP".to_owned() }),
        no_price: None,
        adjustments: vec![off(amount)],
    };
    let pounds = item("pounds", None);
    assert_eq!(line(&ask, (0, &pounds), priced(-120), Vec::new()).unwrap().total.unwrap().amount, 380);
    assert!(line(&ask, (0, &pounds), priced(-501), Vec::new()).is_err());
}
