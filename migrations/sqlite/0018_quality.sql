-- How a leg went: packets, loss, jitter, round trip, as JSON. Written when the leg has ended.
ALTER TABLE legs ADD COLUMN quality TEXT;
