-- Whom the outbox is published to: one feed for the Kafka of each region. The one that was there before has no name
-- until an origin names it after its own region.
CREATE TABLE feeds (
    feed        text COLLATE "C" PRIMARY KEY,
    state       text NOT NULL CHECK (state IN ('live', 'filling', 'gone')),
    holder      uuid,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    heard_at    timestamptz NOT NULL DEFAULT '-infinity',  -- when it last had all that there was
    told        timestamptz   -- T of a watermark that it has acknowledged
) WITH (fillfactor = 10);
INSERT INTO feeds (feed, state, holder, lease_until, heard_at)
    SELECT '', 'live', holder, lease_until, clock_timestamp() FROM relay;

-- T, through which every feed is complete, is the database's clock held so that it never falls: one for all feeds.
ALTER TABLE relay DROP COLUMN holder;
ALTER TABLE relay DROP COLUMN lease_until;

-- What a feed lacks of rows that another one has. What stands in the outbox, none of them has.
CREATE TABLE backlog (
    feed text COLLATE "C" NOT NULL REFERENCES feeds ON UPDATE CASCADE,
    id   uuid NOT NULL,
    keys text NOT NULL,
    PRIMARY KEY (feed, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE backlog ALTER COLUMN keys SET STORAGE EXTERNAL;
