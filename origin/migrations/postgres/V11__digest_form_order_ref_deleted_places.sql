-- In which form a kept answer's digest was made: 1, the call as it was spelt; 2, its decoded path and canonical JSON.
ALTER TABLE idempotency_keys ADD COLUMN digest_form smallint NOT NULL DEFAULT 1;

-- Reservations are found by the shop's own number of the order. A column of its own, that never changes: an index on
-- the body would be written with every verb.
ALTER TABLE reservations ADD COLUMN order_ref text COLLATE "C";
UPDATE reservations SET order_ref = body->>'order_ref' WHERE body->>'order_ref' IS NOT NULL;
CREATE INDEX reservations_by_order_ref ON reservations (order_ref, id) WHERE order_ref IS NOT NULL;

-- Locations and channels may go. Their rows and their seq stay: a join knows no absence.
ALTER TABLE locations ADD COLUMN deleted boolean NOT NULL DEFAULT false;
ALTER TABLE channels ADD COLUMN deleted boolean NOT NULL DEFAULT false;
