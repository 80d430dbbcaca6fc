-- What is configured through the API. `version` is the directory's revision at which the document was written, so
-- that none is used twice; secrets in `body` are sealed with a key that is not in the database.
CREATE TABLE documents (
    kind       TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    BIGINT NOT NULL,
    body       TEXT NOT NULL,
    deleted    BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Counts up with every write: a directory that was checked at one revision is kept only if that is still the latest.
CREATE TABLE directory_revision (
    one      BIGINT PRIMARY KEY NOT NULL,
    revision BIGINT NOT NULL
);
INSERT INTO directory_revision (one, revision) VALUES (1, 0);

-- Bearer tokens, by the hash of their secret.
CREATE TABLE tokens (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    hash       TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    customers  TEXT,
    teams      TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT
);

-- Whose things a login sees: names divided by spaces, NULL: all.
ALTER TABLE logins ADD COLUMN customers TEXT;
ALTER TABLE logins ADD COLUMN teams TEXT;

-- Answers of POSTs with an Idempotency-Key, so that the same request again gets the same answer. Without a body: it held a secret.
CREATE TABLE idempotency (
    who        TEXT NOT NULL,
    idem_key   TEXT NOT NULL,
    request    TEXT NOT NULL,
    status     BIGINT,
    headers    TEXT,
    body       TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (who, idem_key)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- What proves that a contact is its person's. `address` is the hash of the address that was proven or is being proven:
-- another address is not verified by it.
CREATE TABLE contact_proofs (
    user_id     TEXT NOT NULL,
    contact     TEXT NOT NULL,
    address     TEXT NOT NULL,
    code        TEXT,
    tries       BIGINT NOT NULL,
    sent_at     BIGINT,
    verified_at BIGINT,
    PRIMARY KEY (user_id, contact)
);
