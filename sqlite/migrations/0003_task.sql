-- Tasks that run, and those that have ended not too long ago. The place where a task goes on is
-- an endpoint, if it goes through several, and the message behind which.
CREATE TABLE task (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	application BLOB NOT NULL CHECK (length(application) = 16),
	endpoint BLOB CHECK (length(endpoint) = 16),
	kind TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
	revision INTEGER NOT NULL,
	total INTEGER NOT NULL,
	done INTEGER NOT NULL,
	at_endpoint BLOB CHECK (length(at_endpoint) = 16),
	at_message BLOB CHECK (length(at_message) = 16),
	selection TEXT NOT NULL CHECK (json_valid(selection)),
	error TEXT,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX task_application ON task (application, id);
CREATE INDEX task_running ON task (id) WHERE state = 0;
