//! Items, locations, channels and maintenance, at an origin. Writes need a token of scope admin.

use onhand_wire::{
    Channel, ChannelId, Fact, Item, Location, LocationId, Sku,
    page::Page,
    request::{Maintenance, PutChannel, PutItem, PutLocation},
};
use reqwest::Method;
use serde::Deserialize;

use crate::{
    Call, Client,
    ask::{Ask, encode},
};

/// An item, and its stock at each location.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Stocked {
    #[serde(flatten)]
    pub item: Item,
    pub stock: Vec<Fact>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deleted {
    pub sku: Sku,
    pub deleted: bool,
}

impl Client {
    pub fn item(&self, sku: &Sku) -> Call<Stocked> {
        self.gets(product(sku))
    }

    /// 201 when it is new.
    pub fn put_item(&self, sku: &Sku, item: &PutItem) -> Call<Item> {
        self.puts(product(sku), item)
    }

    /// Refused (`in_use`) while the item has open reservations.
    pub fn delete_item(&self, sku: &Sku) -> Call<Deleted> {
        self.asks(Ask::new(Method::DELETE, product(sku))).new_key()
    }

    /// By id.
    pub fn locations(&self) -> Call<Page<Location>> {
        self.gets("/inventory/locations")
    }

    /// By id.
    pub fn channels(&self) -> Call<Page<Channel>> {
        self.gets("/inventory/channels")
    }

    pub fn location(&self, id: &LocationId) -> Call<Location> {
        self.gets(format!("/inventory/locations/{id}"))
    }

    /// 201 when it is new.
    pub fn put_location(&self, id: &LocationId, location: &PutLocation) -> Call<Location> {
        self.puts(format!("/inventory/locations/{id}"), location)
    }

    pub fn channel(&self, id: &ChannelId) -> Call<Channel> {
        self.gets(format!("/inventory/channels/{id}"))
    }

    /// 201 when it is new.
    pub fn put_channel(&self, id: &ChannelId, channel: &PutChannel) -> Call<Channel> {
        self.puts(format!("/inventory/channels/{id}"), channel)
    }

    /// While it is on, writes are refused (`maintenance`); lookups go on.
    pub fn set_maintenance(&self, maintenance: &Maintenance) -> Call<Maintenance> {
        self.posts("/inventory/admin/maintenance", maintenance)
    }
}

fn product(sku: &Sku) -> String {
    format!("/inventory/products/{}", encode(sku.as_str()))
}
