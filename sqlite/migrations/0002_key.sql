-- Who is let in beside the one with the admin key. hash is keyed, of a secret that nobody keeps;
-- scopes, capabilities and feature flags are lists. used_at is written at most once a minute.

CREATE TABLE key (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	name TEXT NOT NULL,
	scopes TEXT NOT NULL CHECK (json_valid(scopes)),
	application BLOB CHECK (application IS NULL OR length(application) = 16),
	expires_at INTEGER NOT NULL,
	used_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX key_application ON key (application) WHERE application IS NOT NULL;

CREATE TABLE session (
	hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
	application BLOB NOT NULL CHECK (length(application) = 16),
	capabilities TEXT CHECK (capabilities IS NULL OR json_valid(capabilities)),
	feature_flags TEXT CHECK (feature_flags IS NULL OR json_valid(feature_flags)),
	label TEXT NOT NULL,
	expires_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX session_application ON session (application, created_at);
CREATE INDEX session_expiry ON session (expires_at);
