-- As for PostgreSQL.
ALTER TABLE idempotency_keys ADD COLUMN digest_form INTEGER NOT NULL DEFAULT 1;

ALTER TABLE reservations ADD COLUMN order_ref TEXT;
UPDATE reservations SET order_ref = json_extract(body, '$.order_ref');
CREATE INDEX reservations_by_order_ref ON reservations (order_ref, id) WHERE order_ref IS NOT NULL;

ALTER TABLE locations ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
