-- When a fault began, and who knows. Alerts: without a word it was the tool's payload. Incidents: it stands in `body`; beside it for reports.
ALTER TABLE alerts ADD COLUMN began_origin TEXT;
ALTER TABLE incidents ADD COLUMN began_at BIGINT;
