-- The same tables as PostgreSQL's.

CREATE TABLE order_notice_targets (
    target TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE order_notices (
    order_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    target      TEXT NOT NULL,
    state       TEXT NOT NULL,
    reason      TEXT,
    reservation TEXT,
    order_ref   TEXT,
    subject     TEXT NOT NULL,
    due         INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, at, target)
) WITHOUT ROWID;
CREATE INDEX order_notices_by_due ON order_notices (target, due) WHERE NOT failed;

CREATE TRIGGER orders_are_decided AFTER UPDATE OF state ON orders
    WHEN new.state <> old.state AND new.state NOT IN ('queued', 'processing')
BEGIN
    INSERT INTO order_notices (order_id, at, target, state, reason, reservation, order_ref, subject, due)
    SELECT new.id, CAST(unixepoch('subsec') * 1000000 AS INTEGER), target, new.state,
        CASE WHEN new.state = 'dead_lettered' THEN new.cause ELSE new.reason END, new.reservation, new.order_ref,
        new.subject, CAST(unixepoch('subsec') * 1000000 AS INTEGER)
    FROM order_notice_targets;
END;

CREATE TRIGGER order_is_taken_in_dead AFTER INSERT ON orders WHEN new.state = 'dead_lettered'
BEGIN
    INSERT INTO order_notices (order_id, at, target, state, reason, reservation, order_ref, subject, due)
    SELECT new.id, CAST(unixepoch('subsec') * 1000000 AS INTEGER), target, new.state, new.cause, NULL, new.order_ref,
        new.subject, CAST(unixepoch('subsec') * 1000000 AS INTEGER)
    FROM order_notice_targets;
END;

CREATE TABLE order_replays (
    id         TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    cause      TEXT,
    rate       REAL,
    canary     INTEGER,
    hopeless   INTEGER NOT NULL,
    state      TEXT NOT NULL,
    credit     REAL NOT NULL,
    stepped_at INTEGER NOT NULL,
    ended_at   INTEGER
) WITHOUT ROWID;
CREATE INDEX order_replays_at_work ON order_replays (created_at) WHERE state IN ('canary', 'running');

CREATE TABLE order_replay_letters (
    replay   TEXT NOT NULL REFERENCES order_replays ON DELETE CASCADE,
    n        INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    state    TEXT NOT NULL,
    PRIMARY KEY (replay, n)
) WITHOUT ROWID;
CREATE INDEX order_replay_letters_waiting ON order_replay_letters (replay, n) WHERE state = 'waiting';
