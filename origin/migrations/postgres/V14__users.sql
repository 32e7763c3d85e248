-- People who sign in at the console. Of a password only argon2id's hash is kept.
CREATE TABLE users (
    name       text COLLATE "C" PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('shopper', 'fulfilment', 'operator', 'admin')),
    password   text NOT NULL,
    epoch      bigint NOT NULL,  -- sessions of another one are over; it begins with the time, so that no name has one twice
    created_at timestamptz NOT NULL
);

-- Names that were a user's. Nobody gets one again: ledger, trail, reservations and orders know people by name.
CREATE TABLE removed_users (
    name text COLLATE "C" PRIMARY KEY
);

-- Links by which somebody gets a role. The link's token is kept only as its SHA-256.
CREATE TABLE invitations (
    digest     bytea PRIMARY KEY,
    role       text NOT NULL CHECK (role IN ('shopper', 'fulfilment', 'operator', 'admin')),
    expires_at timestamptz NOT NULL
);
