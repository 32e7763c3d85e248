//! Stands in for `onhand-rules` until that crate compiles: no rules.

use onhand_wire::{ChannelId, LocationId, Sku};

#[derive(Clone, Default)]
pub struct Rules;

pub struct ViewInput {
    pub channel: Option<ChannelId>,
    pub sku: Sku,
    pub name: Option<String>,
    pub locations: Vec<ViewLocation>,
}

pub struct ViewLocation {
    pub location: LocationId,
    pub available: i64,
    pub backorderable: i64,
    pub low_stock_at: i64,
    pub pickup: bool,
}

pub struct Presentation {
    pub locations: Vec<Shown>,
    pub label: Option<String>,
}

pub struct Shown {
    pub location: LocationId,
    pub available: i64,
    pub backorderable: i64,
}

pub struct Fault;

impl Rules {
    pub fn none() -> Self {
        Self
    }

    pub fn release(&self) -> u64 {
        0
    }

    pub fn has_view(&self) -> bool {
        false
    }

    pub fn view(&self, _: &ViewInput) -> Option<Result<Presentation, Fault>> {
        None
    }

    pub fn register(&self, _: &prometheus::Registry) {}
}
