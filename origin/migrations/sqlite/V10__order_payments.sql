-- The same table as PostgreSQL's.
CREATE TABLE order_payments (
    order_id    TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    amount      INTEGER NOT NULL,
    currency    TEXT NOT NULL,
    payment_ref TEXT,
    order_ref   TEXT,
    reservation TEXT NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    due         INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    settled_at  INTEGER,
    PRIMARY KEY (order_id, attempt)
) WITHOUT ROWID;
CREATE INDEX order_payments_due ON order_payments (due) WHERE state IN ('charging', 'voiding');
