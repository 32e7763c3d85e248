-- The trail: who changed what, besides stock, whose changes the ledger has. Written in the change's own
-- commit, and never changed; what is older than the configured time goes.
CREATE TABLE admin_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor       text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    what        text NOT NULL,   -- the item, location, rule, node … that was changed
    detail      json NOT NULL,   -- what it was, and what it is
    correlation text NOT NULL
);
CREATE INDEX admin_log_by_actor ON admin_log (actor, id);
CREATE INDEX admin_log_by_kind ON admin_log (kind, id);
CREATE INDEX admin_log_by_time ON admin_log (at);

CREATE FUNCTION admin_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the trail is append-only'; END $$;
CREATE TRIGGER admin_log_is_never_changed BEFORE UPDATE OR TRUNCATE ON admin_log
    FOR EACH STATEMENT EXECUTE FUNCTION admin_log_is_append_only();
-- The least time that can be configured: whoever has the origin's password cannot erase what they just did.
CREATE TRIGGER admin_log_is_kept BEFORE DELETE ON admin_log
    FOR EACH ROW WHEN (OLD.at > now() - interval '30 days') EXECUTE FUNCTION admin_log_is_append_only();
