-- Releases of rules that were pushed. Nothing here is ever changed or deleted but the state in `rules`:
-- a roll back names what was there before.

CREATE TABLE rule_components (
    digest    text COLLATE "C" PRIMARY KEY,   -- SHA-256
    component bytea NOT NULL
);
-- Code hardly gets smaller, and compressing megabytes takes time.
ALTER TABLE rule_components ALTER COLUMN component SET STORAGE EXTERNAL;

-- A component with what is beside it; several releases may have one component.
CREATE TABLE rule_releases (
    digest    text COLLATE "C" PRIMARY KEY,   -- SHA-256 over all of it
    component text COLLATE "C" NOT NULL REFERENCES rule_components,
    beside    text NOT NULL                   -- JSON: settings, signature, fixtures
);

-- Every state that a rule has been in: who changed it, when, and how.
CREATE TABLE rule_manifests (
    rule     text COLLATE "C" NOT NULL,
    seq      bigint NOT NULL,
    before   bigint NOT NULL,                 -- what a roll back brings back; 0: nothing was there
    manifest text NOT NULL,                   -- JSON
    PRIMARY KEY (rule, seq)
);

-- The state that each rule is in, and whether the topic has it. The row is the rule's lock.
CREATE TABLE rules (
    rule      text COLLATE "C" PRIMARY KEY,
    seq       bigint NOT NULL,
    announced boolean NOT NULL DEFAULT false,
    due       timestamptz NOT NULL DEFAULT clock_timestamp()   -- while it is announced: the lease's end
);
