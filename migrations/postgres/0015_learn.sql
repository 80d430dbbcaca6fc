-- What is learned: runbooks and articles with their versions, steps that were ticked, postmortems, drills.

CREATE TABLE runbooks (
    id         TEXT PRIMARY KEY NOT NULL,
    -- runbook, article
    kind       TEXT NOT NULL,
    title      TEXT NOT NULL,
    -- Whose: seen only by those who see this customer. NULL: everybody's.
    customer   TEXT,
    owner      TEXT,
    -- Day (ISO 8601) on which it must be looked at again.
    review     TEXT,
    -- Counts its saves, from 1.
    version    BIGINT NOT NULL,
    -- Markdown as it was written.
    body       TEXT NOT NULL,
    -- Its words, folded and shortened (core/runbook), divided by spaces.
    words      TEXT NOT NULL,
    archived   BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL
);

-- Full-text search over the words as they are: the server's own dictionaries have no part in it.
CREATE INDEX runbooks_by_words ON runbooks USING GIN (array_to_tsvector(string_to_array(words, ' ')));

CREATE TABLE runbook_versions (
    runbook  TEXT NOT NULL,
    version  BIGINT NOT NULL,
    title    TEXT NOT NULL,
    body     TEXT NOT NULL,
    archived BIGINT NOT NULL,
    saved_at BIGINT NOT NULL,
    saved_by TEXT NOT NULL,
    PRIMARY KEY (runbook, version)
);

-- What was made once and is not made again, though somebody may have taken it away since.
CREATE TABLE made_once (
    what TEXT PRIMARY KEY NOT NULL,
    at   BIGINT NOT NULL
);

-- Steps that were done. `subject`: `alert:ID`, `incident:ID`.
CREATE TABLE runbook_steps (
    subject TEXT NOT NULL,
    runbook TEXT NOT NULL,
    step    BIGINT NOT NULL,
    version BIGINT NOT NULL,
    done_at BIGINT NOT NULL,
    done_by TEXT NOT NULL,
    PRIMARY KEY (subject, runbook, step)
);

CREATE TABLE postmortems (
    id           TEXT PRIMARY KEY NOT NULL,
    incident     TEXT NOT NULL UNIQUE,
    title        TEXT NOT NULL,
    language     TEXT NOT NULL,
    -- draft, reviewed, published
    state        TEXT NOT NULL,
    -- Sections, timeline, where the prose came from, the incident's facts for the document: JSON.
    body         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    updated_by   TEXT NOT NULL,
    published_at BIGINT,
    version      BIGINT NOT NULL
);

CREATE TABLE postmortem_actions (
    postmortem  TEXT NOT NULL,
    number      BIGINT NOT NULL,
    text        TEXT NOT NULL,
    owner       TEXT,
    -- Day (ISO 8601).
    due         TEXT,
    done_at     BIGINT,
    -- When its owner was last reminded.
    reminded_at BIGINT,
    PRIMARY KEY (postmortem, number)
);

CREATE TABLE drills (
    id         TEXT PRIMARY KEY NOT NULL,
    title      TEXT NOT NULL,
    text       TEXT NOT NULL,
    -- `incident:ID`, `alert:ID`, `call:ID`, `nothing`
    replays    TEXT NOT NULL,
    language   TEXT NOT NULL,
    policy     TEXT,
    next_at    BIGINT,
    -- once, week, month, quarter
    every      TEXT NOT NULL,
    zone       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

CREATE TABLE drill_runs (
    id       TEXT PRIMARY KEY NOT NULL,
    drill    TEXT NOT NULL,
    title    TEXT NOT NULL,
    language TEXT NOT NULL,
    zone     TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    begun_by TEXT NOT NULL,
    -- The alert that it opened; NULL until that is kept.
    alert    TEXT
);
CREATE INDEX drill_runs_by_drill ON drill_runs (drill, begun_at);
CREATE INDEX drill_runs_by_alert ON drill_runs (alert);
