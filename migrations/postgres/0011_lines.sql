-- Phones and trunks that a node can reach people by, one a line: the others plan by them, too.
ALTER TABLE nodes ADD COLUMN lines TEXT NOT NULL DEFAULT '';
