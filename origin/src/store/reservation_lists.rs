//! Reservations by what people know of them: the order's number, an item, a state, a time.

use async_trait::async_trait;
use onhand_wire::{LocationId, Sku, Timestamp, reservation::State};
use uuid::Uuid;

use super::Result;
use crate::record::ReservationRecord;

#[derive(Debug, Default, Clone)]
pub struct ReservationQuery {
    /// Whose it must be; none: anybody's.
    pub owner: Option<String>,
    pub order_ref: Option<String>,
    /// It holds, or held, some of this item.
    pub sku: Option<Sku>,
    /// Some of it comes, or came, from there.
    pub location: Option<LocationId>,
    /// As callers see it: a hold past its deadline is expired.
    pub state: Option<State>,
    /// Made at this moment or later, and before that one.
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// The last of the page before.
    pub before: Option<Uuid>,
    pub limit: usize,
}

#[async_trait]
pub trait ReservationLists: Send + Sync {
    /// The latest first, and the database's present moment.
    async fn reservations(&self, query: &ReservationQuery) -> Result<(Vec<ReservationRecord>, Timestamp)>;
}
