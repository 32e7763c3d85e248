-- When alerting was last heard, and what people were told of it: one row, so that replicas agree.
CREATE TABLE alerting (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    heard_at     timestamptz,                              -- null: never
    told_silent  boolean     NOT NULL DEFAULT false,       -- what people were last told
    told_at      timestamptz NOT NULL DEFAULT '-infinity',
    leased_until timestamptz NOT NULL DEFAULT '-infinity'  -- somebody is telling them
) WITH (fillfactor = 10);
INSERT INTO alerting DEFAULT VALUES;
