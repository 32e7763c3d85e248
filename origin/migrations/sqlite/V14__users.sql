-- The same tables as PostgreSQL's.
CREATE TABLE users (
    name       TEXT PRIMARY KEY,
    role       TEXT NOT NULL CHECK (role IN ('shopper', 'fulfilment', 'operator', 'admin')),
    password   TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE removed_users (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE invitations (
    digest     BLOB PRIMARY KEY,
    role       TEXT NOT NULL CHECK (role IN ('shopper', 'fulfilment', 'operator', 'admin')),
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
