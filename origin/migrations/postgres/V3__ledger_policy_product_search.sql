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

-- Product search. The words are the program's own (Unicode lower case does not depend on the
-- server's locale): null until the migrating program has filled it in.
ALTER TABLE products DROP COLUMN search;
ALTER TABLE products ADD COLUMN search tsvector;
ALTER TABLE products ALTER COLUMN attributes DROP DEFAULT;
ALTER TABLE products ALTER COLUMN attributes TYPE jsonb USING attributes::jsonb;
ALTER TABLE products ALTER COLUMN attributes SET DEFAULT '{}';
CREATE INDEX products_by_word ON products USING gin (search);
CREATE INDEX products_by_attribute ON products USING gin (attributes jsonb_path_ops);
CREATE INDEX products_by_brand ON products (brand, sku);
CREATE INDEX products_by_price ON products (price, sku);
