-- Incidents: what is wrong, whom it touches, what customers are told. `body` is the whole state; the other columns are what
-- lists and clocks ask for.

CREATE TABLE incidents (
    id          TEXT PRIMARY KEY NOT NULL,
    reference   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    severity    TEXT NOT NULL,
    phase       TEXT NOT NULL,
    title       TEXT NOT NULL,
    -- 1: it is not resolved or completed. 1: customers were told something. 1: an exercise.
    is_open     BIGINT NOT NULL,
    published   BIGINT NOT NULL,
    drill       BIGINT NOT NULL,
    opened_at   BIGINT NOT NULL,
    resolved_at BIGINT,
    -- When customers must be told something again, and how far the reminders are.
    update_due  BIGINT,
    starts_at   BIGINT,
    ends_at     BIGINT,
    version     BIGINT NOT NULL,
    body        TEXT NOT NULL
);
CREATE INDEX incidents_by_opening ON incidents (opened_at, id);
CREATE INDEX incidents_still_open ON incidents (opened_at) WHERE is_open = 1;
CREATE INDEX incidents_by_end ON incidents (resolved_at) WHERE resolved_at IS NOT NULL;
CREATE UNIQUE INDEX incidents_by_reference ON incidents (reference);

CREATE TABLE incident_services (
    incident_id TEXT NOT NULL,
    service     TEXT NOT NULL,
    PRIMARY KEY (incident_id, service)
);
CREATE INDEX incident_services_by_service ON incident_services (service);

-- Customers that were named; those who own or share a service are found by it.
CREATE TABLE incident_customers (
    incident_id TEXT NOT NULL,
    customer    TEXT NOT NULL,
    PRIMARY KEY (incident_id, customer)
);
CREATE INDEX incident_customers_by_customer ON incident_customers (customer);

CREATE TABLE incident_alerts (
    incident_id TEXT NOT NULL,
    alert_id    TEXT NOT NULL,
    PRIMARY KEY (incident_id, alert_id)
);
CREATE INDEX incident_alerts_by_alert ON incident_alerts (alert_id);

CREATE TABLE incident_calls (
    incident_id TEXT NOT NULL,
    call_id     TEXT NOT NULL,
    PRIMARY KEY (incident_id, call_id)
);
CREATE INDEX incident_calls_by_call ON incident_calls (call_id);

-- The timeline. `text`: what somebody wrote; private, not part of the sentence.
CREATE TABLE incident_lines (
    incident_id TEXT NOT NULL,
    seq         BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    actor       TEXT NOT NULL,
    kind        TEXT NOT NULL,
    what        TEXT NOT NULL,
    why         TEXT NOT NULL,
    text        TEXT,
    PRIMARY KEY (incident_id, seq)
);

-- Who was told of which update, by which notification.
CREATE TABLE incident_messages (
    notification_id TEXT PRIMARY KEY NOT NULL,
    incident_id     TEXT NOT NULL,
    -- None: to a caller who asked for it.
    update_id       TEXT,
    customer        TEXT,
    contact         TEXT
);
CREATE INDEX incident_messages_by_incident ON incident_messages (incident_id);

-- The last reference given out.
INSERT INTO counters (name, value) VALUES ('incident_reference', 1000);
