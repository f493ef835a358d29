-- Where others' webhooks come in. token and old_token are hashes of the ends of its addresses; the
-- settings, which hold the tokens themselves and the secrets, are sealed with the key sealed_by; ''
-- where they are not.
CREATE TABLE source (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	application BLOB NOT NULL CHECK (length(application) = 16),
	uid TEXT,
	token BLOB NOT NULL UNIQUE CHECK (length(token) = 32),
	old_token BLOB UNIQUE CHECK (length(old_token) = 32),
	settings BLOB NOT NULL,
	sealed_by TEXT NOT NULL,
	revision INTEGER NOT NULL DEFAULT 1,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX source_application ON source (application, id);
CREATE UNIQUE INDEX source_uid ON source (application, uid) WHERE uid IS NOT NULL;
CREATE INDEX source_sealed ON source (sealed_by);
