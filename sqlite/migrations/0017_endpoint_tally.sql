-- How many attempts at an endpoint were begun in an hour, as they stand on one of a Hub's sheets. What
-- is written now and what is removed stand together.
CREATE TABLE endpoint_tally (
	begins_at INTEGER NOT NULL,
	endpoint BLOB NOT NULL CHECK (length(endpoint) = 16),
	sheet BLOB NOT NULL CHECK (length(sheet) = 16),
	succeeded INTEGER NOT NULL,
	failed INTEGER NOT NULL,
	PRIMARY KEY (begins_at, endpoint, sheet)
) STRICT, WITHOUT ROWID;
