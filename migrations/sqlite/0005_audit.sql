-- The audit chain, one for each node: entry `seq` holds the hash of the one before it. `personal` is a JSON list of
-- [field, salted hash]; the values stand in `audit_personal` and can be erased without breaking the chain.
CREATE TABLE audit (
    node     TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    -- Of the row of `audit_queue` it was: what is queued twice is in the chain once.
    id       TEXT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    object   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    personal TEXT NOT NULL,
    prev     TEXT NOT NULL,
    hash     TEXT NOT NULL,
    PRIMARY KEY (node, seq)
);
CREATE UNIQUE INDEX audit_by_id ON audit (id);
CREATE INDEX audit_by_time ON audit (at, id);
CREATE INDEX audit_by_action ON audit (action, at);
CREATE INDEX audit_by_object ON audit (object, at);

-- Erased: salt and value are NULL.
CREATE TABLE audit_personal (
    node  TEXT NOT NULL,
    seq   BIGINT NOT NULL,
    field TEXT NOT NULL,
    salt  TEXT,
    value TEXT,
    PRIMARY KEY (node, seq, field)
);
CREATE INDEX audit_personal_by_value ON audit_personal (value);
