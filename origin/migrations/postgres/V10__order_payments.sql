-- What an order is charged: one row an attempt, each with a key of its own. A charge or a void is sent only after its
-- row says so, and a result counts only while its attempt is being charged.
CREATE TABLE order_payments (
    order_id    uuid NOT NULL,
    attempt     integer NOT NULL,
    state       text COLLATE "C" NOT NULL,   -- charging, approved, declined, voiding, voided
    amount      bigint NOT NULL,             -- minor units
    currency    text COLLATE "C" NOT NULL,
    payment_ref text,
    order_ref   text,
    reservation uuid NOT NULL,
    tries       integer NOT NULL DEFAULT 0,  -- of what is under way
    due         timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    settled_at  timestamptz,
    PRIMARY KEY (order_id, attempt)
) WITH (fillfactor = 80);
CREATE INDEX order_payments_due ON order_payments (due) WHERE state IN ('charging', 'voiding');
