-- Secret addresses of calendar feeds: only the hash of the secret is kept.
CREATE TABLE calendar_feeds (
    hash       TEXT PRIMARY KEY NOT NULL,
    -- schedule, user
    kind       TEXT NOT NULL,
    -- Whose.
    object     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

CREATE INDEX calendar_feeds_by_object ON calendar_feeds (kind, object);
