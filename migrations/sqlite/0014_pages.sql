-- Since when services are known: the days before are unknown on status pages, not good.
CREATE TABLE status_services (
    service TEXT PRIMARY KEY NOT NULL,
    since   BIGINT NOT NULL
);

-- Who wants to be told what a status page says. Personal: what is not wanted any more is deleted. `customer`: through whose
-- eyes (empty: anybody's); `components`: services, as a JSON list (NULL: all); `failures`: tries in a row.
CREATE TABLE status_subscriptions (
    id           TEXT PRIMARY KEY NOT NULL,
    page         TEXT NOT NULL,
    kind         TEXT NOT NULL,
    address      TEXT NOT NULL,
    customer     TEXT NOT NULL,
    components   TEXT,
    language     TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT,
    failures     BIGINT NOT NULL,
    off_at       BIGINT
);
CREATE UNIQUE INDEX status_subscriptions_once ON status_subscriptions (page, kind, address, customer);

-- Links that prove whose an e-mail address is; used once, then deleted.
CREATE TABLE status_proofs (
    id         TEXT PRIMARY KEY NOT NULL,
    page       TEXT NOT NULL,
    customer   TEXT NOT NULL,
    address    TEXT NOT NULL,
    language   TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- What is to be sent, once each: `key` names subscription and update. Finished ones stay so long that they are not planned again.
CREATE TABLE status_deliveries (
    key        TEXT PRIMARY KEY NOT NULL,
    owner      TEXT NOT NULL,
    what       TEXT NOT NULL,
    due_at     BIGINT NOT NULL,
    tries      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    done_at    BIGINT
);
CREATE INDEX status_deliveries_due ON status_deliveries (due_at) WHERE done_at IS NULL;
CREATE INDEX status_deliveries_by_owner ON status_deliveries (owner);
