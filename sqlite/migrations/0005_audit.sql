-- sealed_by is the id of the key that what is secret in a row is sealed with, '' where it is
-- not. An endpoint's settings are then a JSON string.
ALTER TABLE endpoint ADD COLUMN sealed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE setting ADD COLUMN sealed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE answer ADD COLUMN sealed_by TEXT NOT NULL DEFAULT '';

CREATE INDEX endpoint_sealed ON endpoint (sealed_by);
CREATE INDEX answer_sealed ON answer (sealed_by);

-- The keys that anything may be sealed with; '' as long as what is not sealed may be found in
-- the file, be it in parts of it that are no longer in use.
CREATE TABLE sealing_key (
	id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

INSERT INTO sealing_key (id) VALUES ('');

-- What was done by whom. fields are names in JSON.
CREATE TABLE audit (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	at INTEGER NOT NULL,
	actor TEXT NOT NULL,
	action TEXT NOT NULL,
	application TEXT,
	object TEXT,
	address TEXT,
	refused INTEGER NOT NULL CHECK (refused IN (0, 1)),
	fields TEXT CHECK (fields IS NULL OR json_valid(fields)),
	detail TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_age ON audit (at);
CREATE INDEX audit_refused ON audit (refused, id);
