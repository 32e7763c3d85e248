-- The ledger alone can say what a row is: selling policy and deletion stand in the lines that
-- change them (null elsewhere), as safety_stock, backorder_limit, low_stock_at, restock_at, deleted.
ALTER TABLE ledger ADD COLUMN policy json;

-- Rows whose policy was set before lines could say so: one line each, changing nothing.
INSERT INTO ledger (at, actor, kind, sku, location, on_hand_before, on_hand_after, reserved_before, reserved_after, seq,
        correlation, policy)
    SELECT changed_at, 'onhand', 'baseline', sku, location, on_hand, on_hand, reserved, reserved, seq, '',
        json_build_object('safety_stock', safety_stock, 'backorder_limit', backorder_limit,
            'low_stock_at', low_stock_at, 'restock_at', restock_at, 'deleted', deleted)
    FROM inventory_items
    WHERE safety_stock <> 0 OR backorder_limit <> 0 OR low_stock_at <> 0 OR restock_at IS NOT NULL OR deleted
    ORDER BY sku, location;
