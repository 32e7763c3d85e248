-- The same table as PostgreSQL's.
CREATE TABLE admin_log (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    what        TEXT NOT NULL,
    detail      TEXT NOT NULL,
    correlation TEXT NOT NULL
);
CREATE INDEX admin_log_by_actor ON admin_log (actor, id);
CREATE INDEX admin_log_by_kind ON admin_log (kind, id);
CREATE INDEX admin_log_by_time ON admin_log (at);

CREATE TRIGGER admin_log_is_never_changed BEFORE UPDATE ON admin_log
BEGIN SELECT raise(ABORT, 'the trail is append-only'); END;
-- Thirty days, in microseconds.
CREATE TRIGGER admin_log_is_kept BEFORE DELETE ON admin_log
WHEN OLD.at > (unixepoch('subsec') - 2592000) * 1000000
BEGIN SELECT raise(ABORT, 'the trail is append-only'); END;
