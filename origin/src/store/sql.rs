//! SQL that both stores run unchanged.

pub(super) const STOCK: &str = "sku, location, on_hand, reserved, safety_stock, backorder_limit, low_stock_at, restock_at, seq, changed_at, deleted";
pub(super) const LOCATION: &str =
    "location, name, region, priority, lat, lon, enabled, pickup, seq, changed_at, deleted";

pub(super) const BACKLOG: &str = "SELECT count(*), (SELECT id FROM outbox ORDER BY id LIMIT 1) FROM outbox";

/// One pass over both, because SQLite makes a full join by searching one side for each row of the other.
pub(super) const RESERVATIONS_AGAINST_ROWS: &str = "SELECT sku, location, CAST(sum(on_hand) AS bigint),
        CAST(sum(held) AS bigint), CAST(sum(on_hand) AS bigint), CAST(sum(reserved) AS bigint)
    FROM (SELECT sku, location, on_hand, reserved, 0 AS held FROM inventory_items
        UNION ALL SELECT sku, location, 0, 0, quantity FROM allocations) b
    GROUP BY sku, location HAVING sum(held) <> sum(reserved)";

/// SKUs by units in open reservations, then by name. $1: how many at most.
pub(super) const MOST_HELD: &str = "WITH held AS (SELECT sku, sum(reserved) AS units FROM inventory_items
            WHERE reserved > 0 AND NOT deleted GROUP BY sku ORDER BY units DESC, sku LIMIT $1),
        named AS (SELECT sku FROM products WHERE NOT deleted ORDER BY sku LIMIT $1)
    SELECT sku, units FROM held
    UNION ALL SELECT sku, 0 FROM named WHERE sku NOT IN (SELECT sku FROM held)
    ORDER BY 2 DESC, 1 LIMIT $1";

/// A row must be the sum of its ledger's changes, and what the last line says came after it.
pub(super) fn ledger_against_rows() -> String {
    format!(
        "SELECT sku, location, CAST(sum(ledger_on_hand) AS bigint), CAST(sum(ledger_reserved) AS bigint),
            CAST(sum(on_hand) AS bigint), CAST(sum(reserved) AS bigint)
        FROM (SELECT sku, location, on_hand, reserved, 0 AS ledger_on_hand, 0 AS ledger_reserved, 0 AS last_on_hand,
                0 AS last_reserved FROM inventory_items
            UNION ALL SELECT sku, location, 0, 0, on_hand, reserved, last_on_hand, last_reserved FROM ({}) l) b
        GROUP BY sku, location
        HAVING sum(ledger_on_hand) <> sum(on_hand) OR sum(ledger_reserved) <> sum(reserved)
            OR sum(last_on_hand) <> sum(on_hand) OR sum(last_reserved) <> sum(reserved)",
        ledger_sums("")
    )
}

/// The ledger's sums, last line and highest seq by SKU and location; `filter` is a WHERE clause, or empty.
pub(super) fn ledger_sums(filter: &str) -> String {
    format!(
        "SELECT s.sku, s.location, s.on_hand, s.reserved, l.on_hand_after AS last_on_hand, l.reserved_after AS last_reserved, s.seq
        FROM (SELECT sku, location, CAST(sum(on_hand_after - on_hand_before) AS bigint) AS on_hand,
                CAST(sum(reserved_after - reserved_before) AS bigint) AS reserved, max(seq) AS seq, max(id) AS id
            FROM ledger {filter} GROUP BY sku, location) s
        JOIN ledger l ON l.sku = s.sku AND l.id = s.id"
    )
}

/// What open reservations hold of one SKU or several (`of`: `= ?1`, say); each half has an index of its own.
pub(super) fn open_sums(of: &str) -> String {
    format!(
        "SELECT sku, location, CAST(sum(quantity) AS bigint) FROM (
            SELECT sku, location, quantity FROM allocations WHERE sku {of} AND expires_at IS NOT NULL
            UNION ALL SELECT sku, location, quantity FROM allocations WHERE sku {of} AND expires_at IS NULL) a
        GROUP BY sku, location"
    )
}
