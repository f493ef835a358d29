-- Who asked for a session, as the audit log calls them, and what they are called; '' where it was not
-- noted.
ALTER TABLE session ADD COLUMN created_by TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN created_by_name TEXT NOT NULL DEFAULT '';
