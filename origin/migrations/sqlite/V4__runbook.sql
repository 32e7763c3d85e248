-- The same tables as PostgreSQL's. Rows are written by INSERT OR REPLACE, so a trigger sees the old
-- row only before it, and it needs no guard against other sessions: there is one.

CREATE TABLE low_stock (
    sku      TEXT NOT NULL,
    location TEXT NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (sku, location)
) WITHOUT ROWID;

CREATE TABLE restock_notifications (
    id        TEXT PRIMARY KEY,
    event     TEXT NOT NULL,
    sku       TEXT NOT NULL,
    location  TEXT NOT NULL,
    at        INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    available INTEGER NOT NULL,
    threshold INTEGER NOT NULL,
    told      INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE UNIQUE INDEX restock_notifications_untold ON restock_notifications (event, sku, location) WHERE NOT told;

CREATE TABLE restock_deliveries (
    notification TEXT NOT NULL REFERENCES restock_notifications ON DELETE CASCADE,
    target       TEXT NOT NULL,
    since        INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    failed       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (notification, target)
) WITHOUT ROWID;
CREATE INDEX restock_deliveries_by_due ON restock_deliveries (due) WHERE NOT failed;

CREATE TRIGGER stock_falls_low BEFORE INSERT ON inventory_items
    WHEN NOT new.deleted AND new.low_stock_at > 0 AND new.on_hand - new.reserved - new.safety_stock <= new.low_stock_at
        AND NOT EXISTS (SELECT 1 FROM low_stock l WHERE l.sku = new.sku AND l.location = new.location)
BEGIN
    INSERT INTO restock_notifications (id, event, sku, location, at, seq, available, threshold)
        SELECT lower(hex(randomblob(16))), 'low_stock', new.sku, new.location, new.changed_at, new.seq,
            max(0, new.on_hand - new.reserved - new.safety_stock), new.low_stock_at
        FROM inventory_items i WHERE i.sku = new.sku AND i.location = new.location AND NOT i.deleted
        ON CONFLICT (event, sku, location) WHERE NOT told DO UPDATE
            SET at = excluded.at, seq = excluded.seq, available = excluded.available, threshold = excluded.threshold;
    INSERT INTO low_stock (sku, location, since) VALUES (new.sku, new.location, new.changed_at);
END;

CREATE TRIGGER stock_is_low_no_more BEFORE INSERT ON inventory_items
    WHEN new.deleted OR new.low_stock_at = 0 OR new.on_hand - new.reserved - new.safety_stock > new.low_stock_at
BEGIN
    DELETE FROM low_stock WHERE sku = new.sku AND location = new.location;
END;

CREATE TRIGGER stock_comes_back BEFORE INSERT ON inventory_items
    WHEN NOT new.deleted AND new.on_hand - new.reserved - new.safety_stock > 0
BEGIN
    INSERT INTO restock_notifications (id, event, sku, location, at, seq, available, threshold)
        SELECT lower(hex(randomblob(16))), 'back_in_stock', new.sku, new.location, new.changed_at, new.seq,
            new.on_hand - new.reserved - new.safety_stock, new.low_stock_at
        FROM inventory_items i WHERE i.sku = new.sku AND i.location = new.location
            AND NOT i.deleted AND i.on_hand - i.reserved - i.safety_stock <= 0
        ON CONFLICT (event, sku, location) WHERE NOT told DO UPDATE
            SET at = excluded.at, seq = excluded.seq, available = excluded.available, threshold = excluded.threshold;
END;

INSERT INTO low_stock (sku, location, since)
    SELECT sku, location, changed_at FROM inventory_items
    WHERE NOT deleted AND low_stock_at > 0 AND on_hand - reserved - safety_stock <= low_stock_at;

CREATE INDEX reservations_confirmed ON reservations (created_at) WHERE state = 'confirmed';
CREATE INDEX allocations_confirmed ON allocations (sku) WHERE expires_at IS NULL;
