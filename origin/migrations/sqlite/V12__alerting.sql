-- The same table as PostgreSQL's.
CREATE TABLE alerting (
    one          INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    heard_at     INTEGER,
    told_silent  INTEGER NOT NULL DEFAULT 0,
    told_at      INTEGER NOT NULL DEFAULT 0,
    leased_until INTEGER NOT NULL DEFAULT 0
);
INSERT INTO alerting DEFAULT VALUES;
