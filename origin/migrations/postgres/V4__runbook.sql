-- What the runbook's pages list, kept by the rows themselves. A trigger's WHEN is evaluated on
-- each changed row without calling anything; only a crossing, which is rare, calls the function.
-- An index on the quantities would find the same rows, and would cost every hold its heap-only update.

-- Rows at or below their threshold now, and since when.
CREATE TABLE low_stock (
    sku      text COLLATE "C" NOT NULL,
    location text COLLATE "C" NOT NULL,
    since    timestamptz NOT NULL,
    PRIMARY KEY (sku, location)
);

-- Crossings that somebody is still to be told of. The id is the notification's, in every attempt.
CREATE TABLE restock_notifications (
    id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    event     text COLLATE "C" NOT NULL,   -- low_stock, back_in_stock
    sku       text COLLATE "C" NOT NULL,
    location  text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL,
    seq       bigint NOT NULL,
    available bigint NOT NULL,
    threshold bigint NOT NULL,
    told      boolean NOT NULL DEFAULT false   -- its deliveries have been made out
);
-- Crossed again before anybody was told: one notification, of the latest crossing.
CREATE UNIQUE INDEX restock_notifications_untold ON restock_notifications (event, sku, location) WHERE NOT told;

-- One for each target of a notification; gone once acknowledged.
CREATE TABLE restock_deliveries (
    notification uuid NOT NULL REFERENCES restock_notifications ON DELETE CASCADE,
    target       text COLLATE "C" NOT NULL,   -- 'topic', or a webhook's URL
    since        timestamptz NOT NULL,
    due          timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    failed       boolean NOT NULL DEFAULT false,
    PRIMARY KEY (notification, target)
);
CREATE INDEX restock_deliveries_by_due ON restock_deliveries (due) WHERE NOT failed;

CREATE FUNCTION stock_crossed_threshold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.deleted OR new.low_stock_at = 0 OR new.on_hand - new.reserved - new.safety_stock > new.low_stock_at THEN
        DELETE FROM low_stock WHERE sku = new.sku AND location = new.location;
        RETURN NULL;
    END IF;
    INSERT INTO low_stock (sku, location, since) VALUES (new.sku, new.location, new.changed_at) ON CONFLICT DO NOTHING;
    IF TG_OP = 'UPDATE' AND NOT old.deleted THEN
        INSERT INTO restock_notifications (event, sku, location, at, seq, available, threshold)
        VALUES ('low_stock', new.sku, new.location, new.changed_at, new.seq,
            greatest(0, new.on_hand - new.reserved - new.safety_stock), new.low_stock_at)
        ON CONFLICT (event, sku, location) WHERE NOT told DO UPDATE
            SET at = excluded.at, seq = excluded.seq, available = excluded.available, threshold = excluded.threshold;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION stock_came_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO restock_notifications (event, sku, location, at, seq, available, threshold)
    VALUES ('back_in_stock', new.sku, new.location, new.changed_at, new.seq,
        new.on_hand - new.reserved - new.safety_stock, new.low_stock_at)
    ON CONFLICT (event, sku, location) WHERE NOT told DO UPDATE
        SET at = excluded.at, seq = excluded.seq, available = excluded.available, threshold = excluded.threshold;
    RETURN NULL;
END $$;

CREATE TRIGGER stock_begins_low AFTER INSERT ON inventory_items FOR EACH ROW
    WHEN (NOT new.deleted AND new.low_stock_at > 0 AND new.on_hand - new.reserved - new.safety_stock <= new.low_stock_at)
    EXECUTE FUNCTION stock_crossed_threshold();

CREATE TRIGGER stock_crosses_threshold AFTER UPDATE ON inventory_items FOR EACH ROW
    WHEN ((NOT new.deleted AND new.low_stock_at > 0 AND new.on_hand - new.reserved - new.safety_stock <= new.low_stock_at)
        <> (NOT old.deleted AND old.low_stock_at > 0 AND old.on_hand - old.reserved - old.safety_stock <= old.low_stock_at))
    EXECUTE FUNCTION stock_crossed_threshold();

CREATE TRIGGER stock_comes_back AFTER UPDATE ON inventory_items FOR EACH ROW
    WHEN (NOT new.deleted AND new.on_hand - new.reserved - new.safety_stock > 0
        AND NOT old.deleted AND old.on_hand - old.reserved - old.safety_stock <= 0)
    EXECUTE FUNCTION stock_came_back();

-- Rows that are low already: their last change is the best that is known at once.
INSERT INTO low_stock (sku, location, since)
    SELECT sku, location, changed_at FROM inventory_items
    WHERE NOT deleted AND low_stock_at > 0 AND on_hand - reserved - safety_stock <= low_stock_at;

-- Confirmed and not shipped: what is stuck is among the oldest.
CREATE INDEX reservations_confirmed ON reservations (created_at) WHERE state = 'confirmed';

-- What confirmed reservations hold of a SKU; held ones have an index by deadline.
CREATE INDEX allocations_confirmed ON allocations (sku) WHERE expires_at IS NULL;
