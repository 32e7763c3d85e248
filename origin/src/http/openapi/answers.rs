//! The forms of answers that handlers assemble.

#![allow(dead_code, reason = "only their schemas are used")]

mod releases;

use std::collections::BTreeMap;

use onhand_wire::{Channel, ChannelId, Fact, Item, Location, LocationId, Sku, Timestamp, Version, reservation};
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) use self::releases::{ChangedRule, ManifestPage, RollBackPlan, RulePage, WholeRelease};
use crate::{
    http::orders::ShownLane,
    store::{
        Difference, LedgerEntry,
        orders::{Letters, OrderRow},
        stock_lists::LowStock,
    },
    trail::Entry,
    users::{Role, User},
};

/// RFC 9457. Besides the common members, a code has its own.
#[derive(ToSchema)]
pub(super) struct Problem {
    /// `urn:onhand:error:` and the code.
    r#type: String,
    title: String,
    status: u16,
    /// Names the field and what would be right.
    detail: String,
    code: String,
    retry: Retry,
    correlation_id: String,
    /// invalid_request: the member, parameter or header at fault.
    field: Option<String>,
    /// insufficient_stock: every short line.
    lines: Option<Vec<Short>>,
    /// reservation_state: the present one.
    state: Option<reservation::State>,
    /// version_mismatch: the present one; empty where there is no stock row.
    version: Option<String>,
    /// version_mismatch.
    on_hand: Option<i64>,
    /// in_use: units in open reservations.
    reserved: Option<i64>,
    /// in_use, of a location: stock rows that are not empty.
    stock_rows: Option<i64>,
    /// in_use, of a location: the channels that name it.
    channels: Option<Vec<String>>,
    /// in_use, of a channel: open holds that were made for it.
    holds: Option<i64>,
    /// invalid_request of an import: what the file calls locations, and none is called so.
    unknown_locations: Option<Vec<String>>,
    /// too_large: the most, in bytes.
    limit: Option<u64>,
    /// maintenance: what the operator says.
    message: Option<String>,
    /// unknown_sku.
    sku: Option<String>,
    /// unknown_location.
    location: Option<String>,
    /// unknown_channel.
    channel: Option<String>,
    /// deadline_exceeded of an order that may be in: its id.
    id: Option<Uuid>,
    /// overloaded, of an order that would wait too long.
    ahead: Option<u64>,
    eta_s: Option<u64>,
}

/// Whether the same call may be made again, and with which key.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum Retry {
    Never,
    SameKey,
    Later,
}

/// A line that is short; what is available includes backorder.
#[derive(ToSchema)]
struct Short {
    line: u32,
    sku: Sku,
    requested: i64,
    available: i64,
}

/// A fact with what follows from it.
#[derive(ToSchema)]
pub(super) struct ShownFact {
    #[serde(flatten)]
    fact: Fact,
    available: i64,
    /// What may be held beyond `available`.
    backorderable: i64,
}

/// The new facts; if there is only one, its members are also at the top.
#[derive(ToSchema)]
pub(super) struct StockAnswer {
    sku: Sku,
    facts: Vec<ShownFact>,
    location: Option<LocationId>,
    on_hand: Option<i64>,
    reserved: Option<i64>,
    available: Option<i64>,
    version: Option<Version>,
}

/// An item, and what is where.
#[derive(ToSchema)]
pub(super) struct ItemWithStock {
    #[serde(flatten)]
    item: Item,
    stock: Vec<ShownFact>,
}

#[derive(ToSchema)]
pub(super) struct ItemPage {
    items: Vec<Item>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct LedgerPage {
    items: Vec<LedgerEntry>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct DeletedItem {
    sku: Sku,
    deleted: bool,
}

#[derive(ToSchema)]
pub(super) struct DeletedLocation {
    location: LocationId,
    deleted: bool,
}

#[derive(ToSchema)]
pub(super) struct DeletedChannel {
    channel: ChannelId,
    deleted: bool,
}

#[derive(ToSchema)]
pub(super) struct LocationPage {
    items: Vec<Location>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct ChannelPage {
    items: Vec<Channel>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct ReservationPage {
    items: Vec<reservation::Reservation>,
    /// For the next page; null on the last.
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct ImportReport {
    read: u64,
    applied: u64,
    rejected: u64,
    /// The first 100.
    #[schema(max_items = 100)]
    errors: Vec<RowError>,
    /// Rows that say nothing of stock here; absent where there are none.
    left_out: Option<u64>,
    /// What was taken as something else than it was written; absent where nothing was.
    notes: Option<Vec<Note>>,
    /// What the file calls locations, and none is called so: the first 100.
    unknown_locations: Option<Vec<String>>,
    /// Of a dry run: nothing was written.
    dry_run: Option<bool>,
    /// Of a dry run.
    would: Option<Would>,
}

#[derive(ToSchema)]
struct Note {
    code: String,
    detail: String,
    /// How many rows; absent where it concerns the whole file.
    rows: Option<u64>,
    /// The line of the first.
    row: Option<u64>,
}

/// What an import would do.
#[derive(ToSchema)]
struct Would {
    create_items: u64,
    /// The first 100.
    created: Vec<String>,
    change_stock: u64,
    unchanged: u64,
    /// The 100 largest.
    changes: Vec<WouldChange>,
    /// Why it may not be the whole truth.
    incomplete: Option<String>,
}

#[derive(ToSchema)]
struct WouldChange {
    row: u64,
    sku: Sku,
    location: LocationId,
    from: i64,
    to: i64,
}

#[derive(ToSchema)]
pub(super) struct RowError {
    /// The line in the file.
    row: u64,
    code: String,
    detail: String,
}

#[derive(ToSchema)]
pub(super) struct MaintenanceAnswer {
    #[serde(rename = "maintenanceMode")]
    maintenance_mode: bool,
    message: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct ReconcileReport {
    mode: String,
    /// Stock rows that were compared.
    checked: i64,
    /// How many were compared; null where there are none.
    counts: Option<usize>,
    totals: Totals,
    /// The first 500 of each comparison.
    differences: Vec<Difference>,
    unknown: Unknown,
    /// Why there are no counts.
    note: Option<String>,
    corrected: Option<CorrectedRows>,
}

#[derive(ToSchema)]
struct Totals {
    counts: u64,
    reservations: u64,
    ledger: u64,
}

/// Counts of SKUs or locations that do not exist.
#[derive(ToSchema)]
struct Unknown {
    total: u64,
    /// The first 500.
    items: Vec<serde_json::Value>,
}

#[derive(ToSchema)]
struct CorrectedRows {
    total: u64,
    /// The first 500, with `before` and `after`.
    items: Vec<serde_json::Value>,
}

/// No members.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

#[derive(ToSchema)]
pub(super) struct RestockSent {
    /// Acknowledged by this call.
    sent: u64,
    pending: u64,
    /// Given up in the last seven days.
    failed: u64,
}

#[derive(ToSchema)]
pub(super) struct LowStockPage {
    items: Vec<LowStock>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct UserPage {
    items: Vec<User>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct Invited {
    /// Of the link; it is told once.
    token: String,
    role: Role,
    expires_at: Timestamp,
}

#[derive(ToSchema)]
pub(super) struct Verified {
    /// Null: name or password is wrong.
    user: Option<User>,
}

#[derive(ToSchema)]
pub(super) struct EntryPage {
    items: Vec<Entry>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct StuckPage {
    items: Vec<StuckReservation>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
struct StuckReservation {
    id: Uuid,
    state: reservation::State,
    /// `not_swept` or `not_shipped`.
    reason: String,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    confirmed_at: Option<Timestamp>,
    order_ref: Option<String>,
    /// Still open, of all lines.
    units: i64,
    lines: Vec<OpenLine>,
}

#[derive(ToSchema)]
pub(super) struct Trace {
    id: Uuid,
    allocated_by: String,
    calls: Vec<TracedCall>,
}

#[derive(ToSchema)]
struct TracedCall {
    /// `allocation` or `ranking`.
    world: String,
    rule: String,
    /// SHA-256 of the component.
    component: String,
    /// SHA-256 of the input.
    digest: String,
    /// What the rule read of its settings.
    config: BTreeMap<String, String>,
    #[schema(value_type = Object)]
    input: serde_json::Value,
    /// Absent when there was none.
    answer: Option<serde_json::Value>,
    /// Why there was none.
    fault: Option<TracedFault>,
}

#[derive(ToSchema)]
struct TracedFault {
    reason: String,
    detail: String,
}

#[derive(ToSchema)]
struct OpenLine {
    line: u32,
    sku: Sku,
    location: LocationId,
    open: i64,
}

#[derive(ToSchema)]
pub(super) struct Released {
    released: u64,
    ids: Vec<Uuid>,
}

#[derive(ToSchema)]
pub(super) struct OrderPage {
    items: Vec<OrderRow>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(super) struct ShownLanes {
    lanes: Vec<ShownLane>,
}

#[derive(ToSchema)]
pub(super) struct Switched {
    lane: onhand_wire::order::Lane,
    paused: bool,
}

#[derive(ToSchema)]
pub(super) struct LetterSummary {
    count: i64,
    causes: Vec<Letters>,
}

#[derive(ToSchema)]
pub(super) struct WouldReplay {
    dry_run: bool,
    would_replay: u64,
    /// Of causes that trying again cannot help.
    hopeless: u64,
    ids: Vec<Uuid>,
}

#[derive(ToSchema)]
pub(super) struct DiscardedOrders {
    discarded: u64,
    ids: Vec<Uuid>,
}
