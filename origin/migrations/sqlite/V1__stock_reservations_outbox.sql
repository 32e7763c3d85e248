-- The same tables as PostgreSQL's, for `onhand dev`. Moments are microseconds since 1970.

CREATE TABLE origin_state (
    term        INTEGER NOT NULL DEFAULT 1,
    good_since  INTEGER NOT NULL DEFAULT 1,
    topology    INTEGER NOT NULL DEFAULT 1,
    maintenance INTEGER NOT NULL DEFAULT 0,
    message     TEXT
);
INSERT INTO origin_state DEFAULT VALUES;

CREATE TABLE relay (
    holder      TEXT,
    lease_until INTEGER NOT NULL DEFAULT 0,
    t           INTEGER NOT NULL DEFAULT 0
);
INSERT INTO relay DEFAULT VALUES;

CREATE TABLE products (
    sku        TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    brand      TEXT,
    attributes TEXT NOT NULL DEFAULT '{}',
    price      INTEGER,
    currency   TEXT,
    active     INTEGER NOT NULL DEFAULT 1,
    deleted    INTEGER NOT NULL DEFAULT 0,
    seq        INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    search     TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE inventory_items (
    sku             TEXT NOT NULL,
    location        TEXT NOT NULL,
    on_hand         INTEGER NOT NULL CHECK (on_hand >= 0),
    reserved        INTEGER NOT NULL CHECK (reserved >= 0),
    safety_stock    INTEGER NOT NULL DEFAULT 0,
    backorder_limit INTEGER NOT NULL DEFAULT 0,
    low_stock_at    INTEGER NOT NULL DEFAULT 0,
    restock_at      TEXT,
    seq             INTEGER NOT NULL,
    changed_at      INTEGER NOT NULL,
    deleted         INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (sku, location)
) WITHOUT ROWID;

CREATE TABLE locations (
    location   TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    region     TEXT,
    priority   INTEGER NOT NULL,
    lat        REAL,
    lon        REAL,
    enabled    INTEGER NOT NULL,
    pickup     INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);

CREATE TABLE channels (
    channel    TEXT PRIMARY KEY,
    locations  TEXT NOT NULL,
    allocation TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);

CREATE TABLE reservations (
    id         TEXT PRIMARY KEY,
    state      TEXT NOT NULL,
    expires_at INTEGER,
    created_at INTEGER NOT NULL,
    body       TEXT NOT NULL
);
CREATE INDEX reservations_by_deadline ON reservations (expires_at) WHERE state = 'held';

CREATE TABLE allocations (
    reservation TEXT NOT NULL,
    line        INTEGER NOT NULL,
    sku         TEXT NOT NULL,
    location    TEXT NOT NULL,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    expires_at  INTEGER,
    PRIMARY KEY (reservation, line, location)
) WITHOUT ROWID;
CREATE INDEX allocations_by_deadline ON allocations (sku, expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE ledger (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    at              INTEGER NOT NULL,
    actor           TEXT NOT NULL,
    kind            TEXT NOT NULL,
    reason          TEXT,
    sku             TEXT NOT NULL,
    location        TEXT NOT NULL,
    on_hand_before  INTEGER NOT NULL,
    on_hand_after   INTEGER NOT NULL,
    reserved_before INTEGER NOT NULL,
    reserved_after  INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    reservation     TEXT,
    correlation     TEXT NOT NULL
);
CREATE INDEX ledger_by_sku ON ledger (sku, id);
CREATE TRIGGER ledger_is_not_updated BEFORE UPDATE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_not_deleted BEFORE DELETE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE TABLE outbox (
    kind     INTEGER NOT NULL,
    sku      TEXT NOT NULL,
    location TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (kind, sku, location)
) WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    subject    TEXT NOT NULL,
    key        TEXT NOT NULL,
    digest     BLOB NOT NULL,
    status     INTEGER NOT NULL,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (subject, key)
) WITHOUT ROWID;
