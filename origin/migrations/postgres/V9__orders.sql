-- Orders, from the lanes' topics: Kafka absorbs the burst, this table is the queue. A row is made in one commit with the
-- position that its lane has been read to, so that each record is taken in once, whoever reads.
CREATE TABLE orders (
    id          uuid PRIMARY KEY,
    -- In the order of intake: in one lane, orders of one first SKU are decided by it.
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    lane        text COLLATE "C" NOT NULL,
    topic       text COLLATE "C" NOT NULL,   -- the topic's id, not its name
    partition   integer NOT NULL,
    at_offset   bigint NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    owner       text COLLATE "C",
    digest      text COLLATE "C" NOT NULL,
    sku         text COLLATE "C" NOT NULL,   -- of the first line
    order_ref   text COLLATE "C",
    state       text COLLATE "C" NOT NULL,
    reason      text COLLATE "C",
    reservation uuid,
    accepted_at timestamptz NOT NULL,
    decide_by   timestamptz NOT NULL,
    taken_at    timestamptz NOT NULL,
    decided_at  timestamptz,
    -- Of what is the order's own fault: it has left its line, and is tried again at next_at.
    attempts    integer NOT NULL DEFAULT 0,
    next_at     timestamptz,
    cause       text COLLATE "C",
    fault       text,
    first_fault_at timestamptz,
    -- Its record for the dead letters' topic is not acknowledged yet.
    letter      boolean NOT NULL DEFAULT false,
    record      bytea NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX orders_waiting ON orders (lane, seq) WHERE state = 'queued' AND next_at IS NULL;
CREATE INDEX orders_in_line ON orders (lane, sku, seq) WHERE state = 'queued' AND next_at IS NULL;
CREATE INDEX orders_again ON orders (next_at) WHERE state = 'queued' AND next_at IS NOT NULL;
CREATE INDEX orders_dead ON orders (seq) WHERE state = 'dead_lettered';
CREATE INDEX orders_letters ON orders (seq) WHERE letter;
CREATE INDEX orders_by_seq ON orders (seq);
CREATE INDEX orders_by_ref ON orders (order_ref, seq) WHERE order_ref IS NOT NULL;

-- How far each lane is taken in. Locked by whoever takes in more.
CREATE TABLE order_positions (
    lane      text COLLATE "C" NOT NULL,
    topic     text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next      bigint NOT NULL,
    PRIMARY KEY (lane, topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE order_lanes (
    lane   text COLLATE "C" PRIMARY KEY,
    paused boolean NOT NULL DEFAULT false,
    topic  text COLLATE "C" NOT NULL DEFAULT '',
    -- Orders decided a second, while there was something to decide.
    rate   double precision NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
INSERT INTO order_lanes (lane) VALUES ('high'), ('low');

-- Which replica works on the lanes. Two for a moment are harmless: what they do is settled by the rows' locks.
CREATE TABLE order_lead (
    holder uuid,
    until  timestamptz NOT NULL
) WITH (fillfactor = 50);
INSERT INTO order_lead (holder, until) VALUES (NULL, '-infinity');
