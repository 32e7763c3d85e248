-- Whose origins may write: the region that `onhand failover` opened last, or the first that had other regions beside
-- it. Null: there is one region only.
ALTER TABLE origin_state
    ADD COLUMN region text COLLATE "C",
    -- Opened by a failover, and since then no other region has confirmed a commit.
    ADD COLUMN alone  boolean NOT NULL DEFAULT false;

-- Every opening, in the transaction that raised the term.
CREATE TABLE failovers (
    term       integer PRIMARY KEY,
    good_since integer NOT NULL,
    id         uuid NOT NULL UNIQUE,        -- of the run of the command, which repeats it after a crash
    region     text COLLATE "C" NOT NULL,
    before     text COLLATE "C",            -- the region that was open until then
    actor      text NOT NULL,
    reason     text NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- All rows are published again after a raise of the term, so that what edges had seen of unconfirmed commits is
-- overwritten: rows are versioned by the present term.
ALTER TABLE feeds ADD COLUMN again boolean NOT NULL DEFAULT false;
