-- Issues that are not to be listed: failures of an endpoint that have one cause.
CREATE TABLE mute (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	application BLOB NOT NULL CHECK (length(application) = 16),
	endpoint BLOB NOT NULL CHECK (length(endpoint) = 16),
	cause TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	UNIQUE (endpoint, cause)
) STRICT, WITHOUT ROWID;

CREATE INDEX mute_application ON mute (application);
