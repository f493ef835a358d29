-- How far those who poll an endpoint have come. after is the id of a message, or a place between
-- two; empty: before all. epoch counts how often the place was set from outside.
CREATE TABLE consumer (
	endpoint BLOB NOT NULL CHECK (length(endpoint) = 16),
	name TEXT NOT NULL,
	after BLOB NOT NULL CHECK (length(after) IN (0, 16)),
	epoch INTEGER NOT NULL,
	seen_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (endpoint, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX consumer_age ON consumer (seen_at);

-- The largest rowid of an attempt when some were last removed: none is ever used twice, since those
-- who follow the attempts go by it.
ALTER TABLE newest ADD COLUMN attempt_row INTEGER NOT NULL DEFAULT 0;
