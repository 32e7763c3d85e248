//! Lookups, quotes and product search.

use std::collections::BTreeMap;

use onhand_wire::{
    ChannelId, Item, LocationId, Quantity, Sku,
    availability::{Answers, Availability},
    page::Page,
    quote::Quote,
    request::{AskQuote, AvailabilityQuery},
};
use uuid::Uuid;

use crate::{Call, Client, ask::encode};

/// How a SKU is looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    pub channel: Option<ChannelId>,
    /// If none is named: all enabled ones, or the channel's.
    pub locations: Vec<LocationId>,
    /// Asks whether this many could be held ([`Availability::sellable`]).
    pub quantity: Option<Quantity>,
    /// Leaves this reservation's own hold out; needs a token of scope storefront.
    pub reservation: Option<Uuid>,
}

/// The filters of a product search; absent ones are not applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// Every word is a prefix of the SKU or of a word of name or brand.
    pub q: Option<String>,
    pub brand: Option<String>,
    pub attributes: BTreeMap<String, String>,
    /// Minor units, inclusive.
    pub min_price: Option<i64>,
    pub max_price: Option<i64>,
}

impl Client {
    /// `GET /v1/availability/{sku}`, at an edge.
    pub fn availability(&self, sku: &Sku, view: &View) -> Call<Availability> {
        let mut call = self.gets(format!("/v1/availability/{}", encode(sku.as_str())));
        call.ask.with("channel", view.channel.as_ref());
        view.locations.iter().for_each(|location| call.ask.with("location", Some(location)));
        call.ask.with("quantity", view.quantity);
        call.ask.with("reservation", view.reservation);
        call
    }

    /// `POST /v1/availability/query`, at an edge: up to 500 SKUs.
    pub fn query(&self, query: &AvailabilityQuery) -> Call<Answers> {
        self.looks("/v1/availability/query", query)
    }

    /// `POST /v1/quotes`, at an edge.
    pub fn quote(&self, quote: &AskQuote) -> Call<Quote> {
        self.looks("/v1/quotes", quote)
    }

    /// `GET /inventory/products`, at an origin.
    pub fn products(&self, search: &Search) -> Call<Page<Item>> {
        let mut call = self.gets("/inventory/products");
        call.ask.with("q", search.q.as_ref());
        call.ask.with("brand", search.brand.as_ref());
        search.attributes.iter().for_each(|(name, value)| call.ask.with(&format!("attr.{name}"), Some(value)));
        call.ask.with("min_price", search.min_price);
        call.ask.with("max_price", search.max_price);
        call
    }
}
