-- The origin's tables. Text sorts by bytes (COLLATE "C") wherever it is a key, so that every
-- batch locks and writes in the order in which the code sorts.

-- One row: what a batch must know of the whole database.
CREATE TABLE origin_state (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    term        integer NOT NULL DEFAULT 1,
    good_since  integer NOT NULL DEFAULT 1,   -- the oldest term whose facts still count
    topology    bigint  NOT NULL DEFAULT 1,   -- rises with each change of a location or channel
    maintenance boolean NOT NULL DEFAULT false,
    message     text,
    connects    bigint  NOT NULL DEFAULT 0    -- a new batch session commits once before it reads
);
INSERT INTO origin_state DEFAULT VALUES;

-- One row: which relay leads, and through which moment the feed is complete.
CREATE TABLE relay (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder      uuid,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    t           timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);
INSERT INTO relay DEFAULT VALUES;

-- Items. The row is the SKU's lock; it and its seq survive deletion.
CREATE TABLE products (
    sku        text COLLATE "C" PRIMARY KEY,
    name       text NOT NULL,
    brand      text,
    attributes json NOT NULL DEFAULT '{}',
    price      bigint,
    currency   text,
    active     boolean NOT NULL DEFAULT true,
    deleted    boolean NOT NULL DEFAULT false,
    seq        bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    search     text NOT NULL
);

CREATE TABLE inventory_items (
    sku             text COLLATE "C" NOT NULL,
    location        text COLLATE "C" NOT NULL,
    on_hand         bigint NOT NULL CHECK (on_hand >= 0),
    reserved        bigint NOT NULL CHECK (reserved >= 0),
    safety_stock    bigint NOT NULL DEFAULT 0,
    backorder_limit bigint NOT NULL DEFAULT 0,
    low_stock_at    bigint NOT NULL DEFAULT 0,
    restock_at      text,
    seq             bigint NOT NULL,
    changed_at      timestamptz NOT NULL,
    deleted         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (sku, location)
) WITH (fillfactor = 70);  -- room for heap-only updates: every hold rewrites its row

CREATE TABLE locations (
    location   text COLLATE "C" PRIMARY KEY,
    name       text NOT NULL,
    region     text,
    priority   integer NOT NULL,
    lat        double precision,
    lon        double precision,
    enabled    boolean NOT NULL,
    pickup     boolean NOT NULL,
    seq        bigint NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE channels (
    channel    text COLLATE "C" PRIMARY KEY,
    locations  json NOT NULL,
    allocation text NOT NULL,
    seq        bigint NOT NULL,
    changed_at timestamptz NOT NULL
);

CREATE TABLE reservations (
    id         uuid PRIMARY KEY,
    state      text NOT NULL,
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    body       json NOT NULL
) WITH (fillfactor = 70);
-- The sweeper wakes at the next deadline.
CREATE INDEX reservations_by_deadline ON reservations (expires_at) WHERE state = 'held';

-- What open reservations hold: reserved = the sum of these, at every commit.
CREATE TABLE allocations (
    reservation uuid NOT NULL,
    line        integer NOT NULL,
    sku         text COLLATE "C" NOT NULL,
    location    text COLLATE "C" NOT NULL,
    quantity    bigint NOT NULL CHECK (quantity > 0),
    expires_at  timestamptz,   -- null once confirmed
    PRIMARY KEY (reservation, line, location)
);
-- A batch first releases what dead holds have on its own SKUs.
CREATE INDEX allocations_by_deadline ON allocations (sku, expires_at) WHERE expires_at IS NOT NULL;

-- Append-only: every change, with actor and reason.
CREATE TABLE ledger (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at              timestamptz NOT NULL,
    actor           text NOT NULL,
    kind            text NOT NULL,
    reason          text,
    sku             text COLLATE "C" NOT NULL,
    location        text COLLATE "C" NOT NULL,
    on_hand_before  bigint NOT NULL,
    on_hand_after   bigint NOT NULL,
    reserved_before bigint NOT NULL,
    reserved_after  bigint NOT NULL,
    seq             bigint NOT NULL,
    reservation     uuid,
    correlation     text NOT NULL
);
CREATE INDEX ledger_by_sku ON ledger (sku, id);

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- The keys whose latest fact is not yet known to be published. kind: 0 item, 1 fact,
-- 2 location (sku empty), 3 channel (sku empty, location is the channel).
CREATE TABLE outbox (
    kind     smallint NOT NULL,
    sku      text COLLATE "C" NOT NULL,
    location text COLLATE "C" NOT NULL,
    seq      bigint NOT NULL,
    PRIMARY KEY (kind, sku, location)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Answers kept by idempotency key; keys belong to the token's subject.
CREATE TABLE idempotency_keys (
    subject    text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    digest     bytea NOT NULL,
    status     integer NOT NULL,
    body       text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (subject, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys USING brin (created_at);
