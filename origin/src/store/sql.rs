//! SQL that both stores run as it stands.

pub(super) const STOCK: &str = "sku, location, on_hand, reserved, safety_stock, backorder_limit, low_stock_at, restock_at, seq, changed_at, deleted";
pub(super) const LOCATION: &str = "location, name, region, priority, lat, lon, enabled, pickup, seq, changed_at";

pub(super) const RESERVATIONS_AGAINST_ROWS: &str = "SELECT sku, location, coalesce(i.on_hand, 0),
        CAST(coalesce(a.held, 0) AS bigint), coalesce(i.on_hand, 0), coalesce(i.reserved, 0)
    FROM inventory_items i FULL JOIN (SELECT sku, location, sum(quantity) AS held FROM allocations GROUP BY sku, location) a
        USING (sku, location)
    WHERE coalesce(a.held, 0) <> coalesce(i.reserved, 0)";

pub(super) const LEDGER_AGAINST_ROWS: &str = "SELECT sku, location, CAST(coalesce(l.on_hand, 0) AS bigint),
        CAST(coalesce(l.reserved, 0) AS bigint), coalesce(i.on_hand, 0), coalesce(i.reserved, 0)
    FROM inventory_items i FULL JOIN (
        SELECT sku, location, sum(on_hand_after - on_hand_before) AS on_hand, sum(reserved_after - reserved_before) AS reserved
        FROM ledger GROUP BY sku, location) l USING (sku, location)
    WHERE (coalesce(l.on_hand, 0), coalesce(l.reserved, 0)) <> (coalesce(i.on_hand, 0), coalesce(i.reserved, 0))";

/// Every outbox row of one kind with the latest state of its key; never SKIP LOCKED: a skipped
/// row would make the watermark a lie.
pub(super) fn pending(kind: u8, columns: &str, table: &str, on: &str) -> String {
    let columns = columns.split(", ").map(|column| format!("t.{column}")).collect::<Vec<_>>().join(", ");
    format!("SELECT {columns} FROM outbox o JOIN {table} t ON {on} WHERE o.kind = {kind}")
}
