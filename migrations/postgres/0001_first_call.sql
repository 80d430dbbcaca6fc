-- Column types are TEXT, BIGINT (0/1, epoch milliseconds), DOUBLE PRECISION and BYTEA only: the same
-- statements run on both engines through sqlx's `Any`, which decodes nothing else on both.

CREATE TABLE calls (
    id          TEXT PRIMARY KEY NOT NULL,
    node        TEXT NOT NULL,
    direction   TEXT NOT NULL,
    number      TEXT NOT NULL,
    reference   TEXT NOT NULL,
    caller      TEXT,
    source      TEXT NOT NULL,
    customer    TEXT,
    language    TEXT NOT NULL,
    alert_id    TEXT,
    started_at  BIGINT NOT NULL,
    answered_at BIGINT,
    taken_at    BIGINT,
    taken_by    TEXT,
    ended_at    BIGINT,
    outcome     TEXT,
    -- The journal's number of its first entry: order of calls begun in the same millisecond.
    seq         BIGINT NOT NULL
);
CREATE INDEX calls_by_start ON calls (started_at, id);
CREATE INDEX calls_by_alert ON calls (alert_id);
CREATE INDEX calls_running ON calls (started_at) WHERE ended_at IS NULL;

CREATE TABLE legs (
    call_id     TEXT NOT NULL,
    leg         BIGINT NOT NULL,
    person      TEXT,
    destination TEXT NOT NULL,
    started_at  BIGINT NOT NULL,
    answered_at BIGINT,
    accepted_at BIGINT,
    ended_at    BIGINT,
    cause       TEXT,
    PRIMARY KEY (call_id, leg)
);

CREATE TABLE recordings (
    id               TEXT PRIMARY KEY NOT NULL,
    call_id          TEXT NOT NULL,
    leg              BIGINT NOT NULL,
    kind             TEXT NOT NULL,
    started_at       BIGINT NOT NULL,
    duration_ms      BIGINT,
    speech           BIGINT NOT NULL,
    reason           TEXT,
    transcript_state TEXT NOT NULL,
    transcript       TEXT,
    transcript_note  TEXT,
    seq              BIGINT NOT NULL
);
CREATE INDEX recordings_by_call ON recordings (call_id);
CREATE INDEX recordings_waiting ON recordings (started_at) WHERE transcript_state = 'waiting';

CREATE TABLE alerts (
    id              TEXT PRIMARY KEY NOT NULL,
    reference       TEXT NOT NULL,
    status          TEXT NOT NULL,
    priority        TEXT NOT NULL,
    title           TEXT NOT NULL,
    customer        TEXT,
    number          TEXT NOT NULL,
    call_id         TEXT,
    caller          TEXT,
    created_at      BIGINT NOT NULL,
    acknowledged_at BIGINT,
    acknowledged_by TEXT,
    resolved_at     BIGINT,
    resolved_by     TEXT,
    rings           BIGINT NOT NULL,
    next_ring_at    BIGINT
);
CREATE INDEX alerts_by_creation ON alerts (created_at, id);
CREATE INDEX alerts_by_call ON alerts (call_id);
CREATE INDEX alerts_open ON alerts (created_at) WHERE status <> 'resolved';

-- One row for every journal entry; `journal` is the run of the service that wrote it.
CREATE TABLE timeline (
    journal  TEXT NOT NULL,
    seq      BIGINT NOT NULL,
    call_id  TEXT,
    alert_id TEXT,
    at       BIGINT NOT NULL,
    kind     TEXT NOT NULL,
    what     TEXT NOT NULL,
    why      TEXT NOT NULL,
    PRIMARY KEY (journal, seq)
);
CREATE INDEX timeline_by_call ON timeline (call_id, at);
CREATE INDEX timeline_by_alert ON timeline (alert_id, at);

-- How far the database has each journal run; moves in the transaction that applies the entries.
CREATE TABLE journal_position (
    journal    TEXT PRIMARY KEY NOT NULL,
    node       TEXT NOT NULL,
    position   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Entries that could not be applied, kept whole.
CREATE TABLE journal_rejects (
    journal TEXT NOT NULL,
    seq     BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    reason  TEXT NOT NULL,
    record  TEXT NOT NULL,
    PRIMARY KEY (journal, seq)
);

CREATE TABLE logins (
    name          TEXT PRIMARY KEY NOT NULL,
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL,
    user_id       TEXT
);

-- The key is a hash of the session's: whoever reads the database can't use it.
CREATE TABLE sessions (
    id         TEXT PRIMARY KEY NOT NULL,
    data       TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
