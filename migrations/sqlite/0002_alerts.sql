-- Alerts of tools and calls alike, how far their escalation is, who is notified, what the audit chain gets.
-- The rows are the truth; every change is one transaction.

ALTER TABLE alerts ADD COLUMN urgency       TEXT NOT NULL DEFAULT 'high';
ALTER TABLE alerts ADD COLUMN details       TEXT;
ALTER TABLE alerts ADD COLUMN service       TEXT;
ALTER TABLE alerts ADD COLUMN source        TEXT;
ALTER TABLE alerts ADD COLUMN dedup_key     TEXT;
ALTER TABLE alerts ADD COLUMN group_key     TEXT;
ALTER TABLE alerts ADD COLUMN merged_into   TEXT;
ALTER TABLE alerts ADD COLUMN events        BIGINT NOT NULL DEFAULT 1;
ALTER TABLE alerts ADD COLUMN assigned      TEXT;
ALTER TABLE alerts ADD COLUMN snoozed_until BIGINT;
ALTER TABLE alerts ADD COLUMN policy        TEXT;
ALTER TABLE alerts ADD COLUMN began_at      BIGINT;
ALTER TABLE alerts ADD COLUMN link          TEXT;
ALTER TABLE alerts ADD COLUMN last_event_at BIGINT NOT NULL DEFAULT 0;
-- How often it began anew, passes through the policy that were begun, index of the next step, when that step is
-- due, and (esc_due) when to look again.
ALTER TABLE alerts ADD COLUMN esc_round     BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN esc_step      BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN esc_due       BIGINT;
ALTER TABLE alerts ADD COLUMN esc_cycle     BIGINT NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN esc_step_due  BIGINT;

UPDATE alerts SET last_event_at = created_at;
UPDATE alerts SET esc_due = next_ring_at WHERE status = 'triggered';

-- Two nodes can't open the same fault twice.
CREATE UNIQUE INDEX alerts_open_fault ON alerts (source, dedup_key) WHERE status <> 'resolved';
CREATE INDEX alerts_open_group ON alerts (group_key, created_at) WHERE status <> 'resolved' AND group_key IS NOT NULL;
CREATE INDEX alerts_due ON alerts (esc_due) WHERE esc_due IS NOT NULL;
CREATE INDEX alerts_due_first ON alerts (esc_due) WHERE esc_due IS NOT NULL AND esc_round = 0;
CREATE INDEX alerts_urgent ON alerts (priority, created_at, id) WHERE status <> 'resolved';
CREATE INDEX alerts_by_customer ON alerts (customer, created_at, id);
DROP INDEX alerts_open;
-- Most alerts come from tools, most of their lines from no call.
DROP INDEX alerts_by_call;
CREATE INDEX alerts_by_call ON alerts (call_id) WHERE call_id IS NOT NULL;

-- What people wrote or an action said; private, not part of the sentence.
ALTER TABLE timeline ADD COLUMN text TEXT;
DROP INDEX timeline_by_call;
CREATE INDEX timeline_by_call ON timeline (call_id, at) WHERE call_id IS NOT NULL;

-- Number sequences that several nodes share.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY NOT NULL,
    value BIGINT NOT NULL
);
-- The last reference given out; those of calls have five digits at most.
INSERT INTO counters (name, value) VALUES ('alert_reference', 100000);

CREATE TABLE notifications (
    id          TEXT PRIMARY KEY NOT NULL,
    -- The same for the same deed, whoever plans it.
    key         TEXT NOT NULL UNIQUE,
    alert_id    TEXT,
    user_id     TEXT,
    contact     TEXT,
    channel     TEXT,
    -- What limits count: one contact of a person, a channel, an outside address (hashed).
    place       TEXT NOT NULL,
    by_kind     TEXT NOT NULL,
    address     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    -- The most pressing kind first.
    rank        BIGINT NOT NULL,
    text        TEXT,
    why         TEXT NOT NULL,
    -- waiting, sending, or what came of it.
    state       TEXT NOT NULL,
    due_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    note        TEXT,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT,
    -- Who sends it, until when it is believed to be at it.
    node        TEXT,
    lease_until BIGINT,
    -- A node that can't send it.
    not_node    TEXT,
    -- The notification that speaks for this one too.
    bundle      TEXT
);
CREATE INDEX notifications_due ON notifications (due_at) WHERE state = 'waiting';
CREATE INDEX notifications_pressing ON notifications (due_at) WHERE state = 'waiting' AND rank < 2;
CREATE INDEX notifications_leased ON notifications (lease_until) WHERE state = 'sending';
CREATE INDEX notifications_by_place ON notifications (place, due_at) WHERE state = 'waiting';
CREATE INDEX notifications_by_alert ON notifications (alert_id, created_at, id);
CREATE INDEX notifications_by_user ON notifications (user_id, created_at, id);
CREATE INDEX notifications_by_creation ON notifications (created_at, id);
CREATE INDEX notifications_by_bundle ON notifications (bundle) WHERE bundle IS NOT NULL;

-- When each contact was used; what is older than a week goes.
CREATE TABLE contact_uses (
    place TEXT NOT NULL,
    at    BIGINT NOT NULL
);
CREATE INDEX contact_uses_by_place ON contact_uses (place, at);

-- Deeds on their way into the audit chain.
CREATE TABLE audit_queue (
    id       TEXT PRIMARY KEY NOT NULL,
    node     TEXT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    object   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    -- JSON list of [field, value].
    personal TEXT NOT NULL
);

-- The nodes that share the database, and when each was last alive by the database's clock.
CREATE TABLE nodes (
    name    TEXT PRIMARY KEY NOT NULL,
    seen_at BIGINT NOT NULL
);
