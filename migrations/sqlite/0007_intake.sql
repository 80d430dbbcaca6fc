-- Deliveries that were answered, monitors that must ping, actions that alerts started.

-- A delivery that comes again is answered with the first answer and done once; rows of a day ago go.
CREATE TABLE deliveries (
    source   TEXT NOT NULL,
    delivery TEXT NOT NULL,
    at       BIGINT NOT NULL,
    answer   TEXT NOT NULL,
    PRIMARY KEY (source, delivery)
);
CREATE INDEX deliveries_by_time ON deliveries (at);

-- The clock of a heartbeat starts at its first ping: before that it has no row.
CREATE TABLE heartbeats (
    id           TEXT PRIMARY KEY NOT NULL,
    first_ping   BIGINT NOT NULL,
    last_ping    BIGINT NOT NULL,
    -- healthy, overdue
    state        TEXT NOT NULL,
    changed_at   BIGINT NOT NULL,
    -- A node is raising or ending its alert; another may take over when this is past.
    lease_until  BIGINT NOT NULL
);

CREATE TABLE action_runs (
    id          TEXT PRIMARY KEY NOT NULL,
    -- The same for the same trigger, whoever starts it.
    key         TEXT NOT NULL UNIQUE,
    action      TEXT NOT NULL,
    alert_id    TEXT NOT NULL,
    -- Actor, as shown, and as the timeline keeps it (`login:ada`).
    started_by  TEXT NOT NULL,
    -- waiting, running, done, failed, unknown
    state       TEXT NOT NULL,
    -- Whether a run that was cut off may be done again: a command may not.
    repeatable  BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    node        TEXT,
    lease_until BIGINT NOT NULL,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT,
    output      TEXT
);
CREATE INDEX action_runs_due ON action_runs (due_at) WHERE state = 'waiting';
CREATE INDEX action_runs_leased ON action_runs (lease_until) WHERE state = 'running';
CREATE INDEX action_runs_by_alert ON action_runs (alert_id, created_at, id);
