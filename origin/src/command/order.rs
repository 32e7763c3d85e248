//! An order that is to be decided, and what came of its payment.

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

/// What an attempt to charge for an order came to. It counts only while that attempt is the one under way.
#[derive(Debug, Clone)]
pub struct SettleOrder {
    pub order: Uuid,
    pub attempt: i32,
    pub reservation: Uuid,
    pub paid: Paid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paid {
    Approved,
    Declined,
    /// Nobody knows: it is to be voided, and the order set aside.
    Unknown,
}
