-- Whom decisions of orders are told: webhooks' URLs, as the origin that started last is configured.
CREATE TABLE order_notice_targets (
    target text COLLATE "C" PRIMARY KEY
);

-- A decision that a target is still to be told of; gone once acknowledged.
CREATE TABLE order_notices (
    order_id    uuid NOT NULL,
    at          timestamptz NOT NULL,
    target      text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    reason      text COLLATE "C",
    reservation uuid,
    order_ref   text COLLATE "C",
    subject     text COLLATE "C" NOT NULL,
    due         timestamptz NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    failed      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (order_id, at, target)
);
CREATE INDEX order_notices_by_due ON order_notices (target, due) WHERE NOT failed;

-- By the row's own change, so that none is missed, whoever decides. One call a statement: batches decide hundreds.
CREATE FUNCTION orders_decided() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
BEGIN
    IF NOT EXISTS (SELECT FROM order_notice_targets) THEN
        RETURN NULL;
    END IF;
    INSERT INTO order_notices (order_id, at, target, state, reason, reservation, order_ref, subject, due)
    SELECT n.id, now, t.target, n.state, CASE WHEN n.state = 'dead_lettered' THEN n.cause ELSE n.reason END,
        n.reservation, n.order_ref, n.subject, now
    FROM after n JOIN before o ON o.id = n.id CROSS JOIN order_notice_targets t
    WHERE n.state <> o.state AND n.state NOT IN ('queued', 'processing');
    RETURN NULL;
END $$;

CREATE TRIGGER orders_are_decided AFTER UPDATE ON orders REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION orders_decided();

CREATE FUNCTION order_taken_in_dead() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
BEGIN
    INSERT INTO order_notices (order_id, at, target, state, reason, reservation, order_ref, subject, due)
    SELECT new.id, now, target, new.state, new.cause, NULL, new.order_ref, new.subject, now FROM order_notice_targets;
    RETURN NULL;
END $$;

CREATE TRIGGER order_is_taken_in_dead AFTER INSERT ON orders FOR EACH ROW
    WHEN (new.state = 'dead_lettered') EXECUTE FUNCTION order_taken_in_dead();

-- Replays of dead letters, each a job that whoever leads the lanes works on.
CREATE TABLE order_replays (
    id         uuid PRIMARY KEY,
    created_at timestamptz NOT NULL,
    actor      text COLLATE "C" NOT NULL,
    cause      text COLLATE "C",
    rate       double precision,   -- orders a second; NULL: all at once
    canary     integer,            -- so many first; the rest if none of them fails again
    hopeless   integer NOT NULL,   -- asked for, and never tried again
    state      text COLLATE "C" NOT NULL,   -- canary, running, done, stopped, halted
    credit     double precision NOT NULL,   -- orders that may go back now
    stepped_at timestamptz NOT NULL,
    ended_at   timestamptz
) WITH (fillfactor = 50);
CREATE INDEX order_replays_at_work ON order_replays (created_at) WHERE state IN ('canary', 'running');

CREATE TABLE order_replay_letters (
    replay   uuid NOT NULL REFERENCES order_replays ON DELETE CASCADE,
    n        integer NOT NULL,
    order_id uuid NOT NULL,
    state    text COLLATE "C" NOT NULL,   -- waiting, replayed, left (it was decided meanwhile)
    PRIMARY KEY (replay, n)
);
CREATE INDEX order_replay_letters_waiting ON order_replay_letters (replay, n) WHERE state = 'waiting';
