-- How much has happened in a quarter of an hour, as one Hub has counted it.
CREATE TABLE tally (
	begins_at INTEGER NOT NULL,
	hub BLOB NOT NULL CHECK (length(hub) = 16),
	accepted INTEGER NOT NULL,
	delivered INTEGER NOT NULL,
	given_up INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	PRIMARY KEY (begins_at, hub)
) STRICT, WITHOUT ROWID;
