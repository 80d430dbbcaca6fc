-- A node's name belongs to one data folder (`instance`); `run` is the process that holds it.
ALTER TABLE nodes ADD COLUMN instance TEXT;
ALTER TABLE nodes ADD COLUMN run      TEXT;

-- The node that can ring what this is sent to.
ALTER TABLE notifications ADD COLUMN for_node TEXT;

-- References of callers' calls, reserved in blocks by each node.
INSERT INTO counters (name, value) VALUES ('call_reference', 0);

-- The faults within an alert that several were grouped into; an alert of one fault has no rows. Without a key
-- (an empty one) a fault can't be reported as over.
CREATE TABLE alert_keys (
    alert_id     TEXT NOT NULL,
    source       TEXT NOT NULL,
    dedup_key    TEXT NOT NULL,
    title        TEXT NOT NULL,
    recovered_at BIGINT,
    PRIMARY KEY (alert_id, source, dedup_key)
);
CREATE INDEX alert_keys_by_key ON alert_keys (source, dedup_key);
