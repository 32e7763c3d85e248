-- The same as PostgreSQL's.
ALTER TABLE ledger ADD COLUMN policy TEXT;

INSERT INTO ledger (at, actor, kind, sku, location, on_hand_before, on_hand_after, reserved_before, reserved_after, seq,
        correlation, policy)
    SELECT changed_at, 'onhand', 'baseline', sku, location, on_hand, on_hand, reserved, reserved, seq, '',
        json_object('safety_stock', safety_stock, 'backorder_limit', backorder_limit,
            'low_stock_at', low_stock_at, 'restock_at', restock_at, 'deleted', json(iif(deleted, 'true', 'false')))
    FROM inventory_items
    WHERE safety_stock <> 0 OR backorder_limit <> 0 OR low_stock_at <> 0 OR restock_at IS NOT NULL OR deleted
    ORDER BY sku, location;

-- Product search: the migrating program fills in its own words.
UPDATE products SET search = '';
