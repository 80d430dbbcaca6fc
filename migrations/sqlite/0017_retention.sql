-- What is past its retention time, or was refused or deleted, loses sound, words and numbers; the rest stays.

-- Since when nothing of the sound is to be kept any more, and whether its files are gone.
ALTER TABLE recordings ADD COLUMN removed_at BIGINT;
ALTER TABLE recordings ADD COLUMN files_gone BIGINT NOT NULL DEFAULT 0;
CREATE INDEX recordings_to_remove ON recordings (removed_at) WHERE removed_at IS NOT NULL AND files_gone = 0;

-- Since when a call and an alert say nothing about a person any more.
ALTER TABLE calls ADD COLUMN purged_at BIGINT;
CREATE INDEX calls_to_purge ON calls (customer, started_at) WHERE purged_at IS NULL;
ALTER TABLE alerts ADD COLUMN purged_at BIGINT;
CREATE INDEX alerts_to_purge ON alerts (customer, created_at) WHERE purged_at IS NULL;
