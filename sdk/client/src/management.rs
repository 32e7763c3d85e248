//! An edge's own caches, at its management listener. Nothing here fails over, since each node has its own caches.

use onhand_wire::{Sku, explain::Explained};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::{
    Call, Client,
    ask::{Ask, encode},
};

/// What to load before lookups ask for it. Without either member: the 1,000 SKUs with most units in open reservations.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Warm {
    /// This many of the SKUs with most units in open reservations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skus: Option<Vec<Sku>>,
}

/// SKUs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Warmed {
    pub asked: u64,
    pub done: u64,
    pub l1: u64,
    pub l2: u64,
    pub origin: u64,
    pub unknown: u64,
    pub failed: u64,
    /// Written to L2.
    pub l2_filled: u64,
    pub took_ms: u64,
}

/// Tiers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Cleared {
    pub cleared: Vec<String>,
    #[serde(default)]
    pub failed: Vec<String>,
}

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Info {
    pub name: String,
    pub version: String,
    pub region: String,
    #[serde(default)]
    pub term: Option<u16>,
    pub uptime_s: u64,
}

/// A metric in Spring Actuator's JSON.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    pub name: String,
    /// Of `cache.gets`: hits among all, 0 to 1.
    #[serde(default)]
    pub hit_ratio: Option<f64>,
}

impl Client {
    /// `GET /actuator/info`, at a management listener.
    pub fn info(&self) -> Call<Info> {
        self.gets("/actuator/info").only(0)
    }

    /// `GET /actuator/metrics/{name}`, at a management listener; `tag` is `KEY:VALUE`.
    pub fn metric(&self, name: &str, tag: Option<&str>) -> Call<Measured> {
        self.gets(format!("/actuator/metrics/{}", encode(name))).only(0).with("tag", tag)
    }

    /// `GET /actuator/explain/{sku}`: what the tiers of the first node hold, or of the node that [`Call::only`] names.
    pub fn explain(&self, sku: &Sku) -> Call<Explained> {
        self.gets(format!("/actuator/explain/{}", encode(sku.as_str()))).only(0)
    }

    /// `POST /internal/api/inventory/warm-cache`.
    pub fn warm_cache(&self, warm: &Warm) -> Call<Warmed> {
        self.looks("/internal/api/inventory/warm-cache", warm).only(0)
    }

    /// `POST /actuator/caches/clearAll`: the node's L1, and the region's L2.
    pub fn clear_caches(&self) -> Call<Cleared> {
        self.asks(Ask::new(Method::POST, "/actuator/caches/clearAll")).only(0)
    }

    /// `DELETE /actuator/caches/l1`: the node's own tier.
    pub fn clear_l1(&self) -> Call<Cleared> {
        self.asks(Ask::new(Method::DELETE, "/actuator/caches/l1")).only(0)
    }
}
