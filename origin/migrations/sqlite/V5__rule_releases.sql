-- The same tables as PostgreSQL's.

CREATE TABLE rule_components (
    digest    TEXT PRIMARY KEY,
    component BLOB NOT NULL
);

CREATE TABLE rule_releases (
    digest    TEXT PRIMARY KEY,
    component TEXT NOT NULL REFERENCES rule_components,
    beside    TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE rule_manifests (
    rule     TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    before   INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    PRIMARY KEY (rule, seq)
) WITHOUT ROWID;

CREATE TABLE rules (
    rule      TEXT PRIMARY KEY,
    seq       INTEGER NOT NULL,
    announced INTEGER NOT NULL DEFAULT 0,
    due       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
