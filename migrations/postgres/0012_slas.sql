-- What was promised to customers, revision by revision; who signed; clocks, and what stands still; reports that were sent.

-- A revision is never changed. `body` is canonical JSON (contract and its hours), `sha256` the hash of its bytes.
CREATE TABLE sla_revisions (
    sla        TEXT NOT NULL,
    number     BIGINT NOT NULL,
    customer   TEXT NOT NULL,
    since      BIGINT NOT NULL,
    body       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (sla, number)
);
CREATE INDEX sla_revisions_by_customer ON sla_revisions (customer);

-- A request to sign, by the hash of its link's secret; `signed_at`: it was signed, with the name that was typed.
CREATE TABLE sla_signatures (
    id           TEXT PRIMARY KEY NOT NULL,
    sla          TEXT NOT NULL,
    number       BIGINT NOT NULL,
    sha256       TEXT NOT NULL,
    contact      TEXT NOT NULL,
    contact_name TEXT NOT NULL,
    token_hash   TEXT NOT NULL UNIQUE,
    requested_at BIGINT NOT NULL,
    requested_by TEXT NOT NULL,
    expires_at   BIGINT NOT NULL,
    signed_at    BIGINT,
    signed_name  TEXT
);
CREATE INDEX sla_signatures_by_revision ON sla_signatures (sla, number);

-- A promise that is or was measured. `subject`: alert, incident.
CREATE TABLE sla_clocks (
    subject     TEXT NOT NULL,
    id          TEXT NOT NULL,
    promise     TEXT NOT NULL,
    sla         TEXT NOT NULL,
    revision    BIGINT NOT NULL,
    customer    TEXT NOT NULL,
    service     TEXT,
    priority    TEXT NOT NULL,
    target      BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    stopped_at  BIGINT,
    due_at      BIGINT,
    -- When there may be something to say by itself.
    look_at     BIGINT,
    -- The highest share that was told, the moment it was due at once that was told, how it ended.
    warned      BIGINT NOT NULL,
    breached_at BIGINT,
    ended       TEXT,
    -- Counted time at its end.
    elapsed     BIGINT NOT NULL,
    PRIMARY KEY (subject, id, promise)
);
CREATE INDEX sla_clocks_running ON sla_clocks (subject, id) WHERE ended IS NULL;
CREATE INDEX sla_clocks_by_customer ON sla_clocks (customer, started_at);

-- The customer is (or was) waited for.
CREATE TABLE sla_pauses (
    subject TEXT NOT NULL,
    id      TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at   BIGINT,
    PRIMARY KEY (subject, id, from_at)
);

-- Reports that went out: each period of each customer's template once.
CREATE TABLE report_sendings (
    customer  TEXT NOT NULL,
    report    TEXT NOT NULL,
    -- First day of the period.
    period    TEXT NOT NULL,
    contact   TEXT NOT NULL,
    -- sending, sent, or why it came to nothing.
    state     TEXT NOT NULL,
    tries     BIGINT NOT NULL,
    due_at    BIGINT NOT NULL,
    sent_at   BIGINT,
    PRIMARY KEY (customer, report, period, contact)
);

-- Whether an alert was looked at for its promises. What was there before there were any is under none.
ALTER TABLE alerts ADD COLUMN sla_seen BIGINT NOT NULL DEFAULT 0;
UPDATE alerts SET sla_seen = 1;
CREATE INDEX alerts_sla_unseen ON alerts (created_at) WHERE sla_seen = 0;
