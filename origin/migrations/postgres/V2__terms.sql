-- Which copy of the database this is. An origin that finds itself on another one (a promoted
-- standby, a restored backup) raises the term before it writes.
ALTER TABLE origin_state
    ADD COLUMN system_id text,     -- null until an origin has connected
    ADD COLUMN timeline  bigint,
    -- Whether commits wait for a synchronous standby: then a promoted one has them all.
    ADD COLUMN lossless  boolean NOT NULL DEFAULT false;
