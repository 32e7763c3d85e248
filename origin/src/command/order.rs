//! An order that is to be decided.

use std::sync::Arc;

use onhand_wire::order::OrderRecord;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct DecideOrder {
    pub record: Arc<OrderRecord>,
    /// Of the reservation that is made if there is stock for it.
    pub reservation: Uuid,
    /// Whether it is to be paid before it is confirmed.
    pub pays: bool,
}
