-- The same tables as PostgreSQL's.
CREATE TABLE orders (
    id          TEXT NOT NULL UNIQUE,
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    lane        TEXT NOT NULL,
    topic       TEXT NOT NULL,
    partition   INTEGER NOT NULL,
    at_offset   INTEGER NOT NULL,
    subject     TEXT NOT NULL,
    owner       TEXT,
    digest      TEXT NOT NULL,
    sku         TEXT NOT NULL,
    order_ref   TEXT,
    state       TEXT NOT NULL,
    reason      TEXT,
    reservation TEXT,
    accepted_at INTEGER NOT NULL,
    decide_by   INTEGER NOT NULL,
    taken_at    INTEGER NOT NULL,
    decided_at  INTEGER,
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER,
    cause       TEXT,
    fault       TEXT,
    first_fault_at INTEGER,
    letter      INTEGER NOT NULL DEFAULT 0,
    record      BLOB NOT NULL
);
CREATE INDEX orders_waiting ON orders (lane, seq) WHERE state = 'queued' AND next_at IS NULL;
CREATE INDEX orders_in_line ON orders (lane, sku, seq) WHERE state = 'queued' AND next_at IS NULL;
CREATE INDEX orders_again ON orders (next_at) WHERE state = 'queued' AND next_at IS NOT NULL;
CREATE INDEX orders_dead ON orders (seq) WHERE state = 'dead_lettered';
CREATE INDEX orders_letters ON orders (seq) WHERE letter;
CREATE INDEX orders_by_ref ON orders (order_ref, seq) WHERE order_ref IS NOT NULL;

CREATE TABLE order_positions (
    lane      TEXT NOT NULL,
    topic     TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next      INTEGER NOT NULL,
    PRIMARY KEY (lane, topic, partition)
) WITHOUT ROWID;

CREATE TABLE order_lanes (
    lane   TEXT PRIMARY KEY,
    paused INTEGER NOT NULL DEFAULT 0,
    topic  TEXT NOT NULL DEFAULT '',
    rate   REAL NOT NULL DEFAULT 0
) WITHOUT ROWID;
INSERT INTO order_lanes (lane) VALUES ('high'), ('low');
