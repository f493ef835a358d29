-- Identifiers are their 16 bytes, times are microseconds since 1970 in UTC (0: none), lists and
-- maps are JSON. A column that may be NULL is NULL where there is nothing.
--
-- Nothing here has a foreign key. The writer is the only one who writes, and it looks up the
-- endpoint and the application of what it stores in its memory; deleting one of those must be
-- immediate even if millions of rows hang on it, so they are removed afterwards (doomed).

CREATE TABLE application (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	uid TEXT UNIQUE,
	name TEXT NOT NULL,
	rate_limit INTEGER NOT NULL,
	metadata TEXT CHECK (metadata IS NULL OR json_valid(metadata)),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoint (
	id BLOB PRIMARY KEY CHECK (length(id) = 16),
	application BLOB NOT NULL CHECK (length(application) = 16),
	uid TEXT,
	url TEXT NOT NULL,
	ordered INTEGER NOT NULL CHECK (ordered IN (0, 1)),
	failing_since INTEGER NOT NULL,
	settings TEXT NOT NULL CHECK (json_valid(settings)),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX endpoint_application ON endpoint (application, id);
CREATE UNIQUE INDEX endpoint_uid ON endpoint (application, uid) WHERE uid IS NOT NULL;

CREATE TABLE event_type (
	name TEXT PRIMARY KEY,
	id BLOB NOT NULL CHECK (length(id) = 16),
	description TEXT NOT NULL,
	group_name TEXT NOT NULL,
	schemas BLOB,
	feature_flags TEXT CHECK (feature_flags IS NULL OR json_valid(feature_flags)),
	archived INTEGER NOT NULL CHECK (archived IN (0, 1)),
	deprecated INTEGER NOT NULL CHECK (deprecated IN (0, 1)),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The payload stands last, so that everything else is read without it. Its checksum is CRC-32C.
-- endpoints are the ids, one behind the other, of those it has a delivery to: by them its
-- deliveries are found.
CREATE TABLE message (
	rowid INTEGER PRIMARY KEY,
	application BLOB NOT NULL,
	id BLOB NOT NULL,
	event_id TEXT,
	event_type TEXT NOT NULL,
	content_type TEXT,
	channels TEXT,
	tags TEXT,
	ordering_key TEXT,
	deliver_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	checksum INTEGER NOT NULL,
	endpoints BLOB NOT NULL,
	payload BLOB,
	CHECK (length(id) = 16 AND length(application) = 16 AND length(endpoints) % 16 = 0)
) STRICT;

CREATE UNIQUE INDEX message_id ON message (application, id);
CREATE UNIQUE INDEX message_event_id ON message (application, event_id) WHERE event_id IS NOT NULL;

-- created_at is the message's, state a fanfare.State.
CREATE TABLE delivery (
	endpoint BLOB NOT NULL,
	message BLOB NOT NULL,
	state INTEGER NOT NULL,
	rank INTEGER NOT NULL,
	due_at INTEGER NOT NULL,
	ordering_key TEXT,
	attempts INTEGER NOT NULL,
	manual INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	last_attempt INTEGER,
	PRIMARY KEY (endpoint, message),
	CHECK (state BETWEEN 0 AND 3 AND manual IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_waiting ON delivery (endpoint, rank, message) WHERE state = 0;
CREATE INDEX delivery_keyed ON delivery (endpoint, ordering_key, rank, message) WHERE state = 0 AND ordering_key IS NOT NULL;

-- The attempts of a delivery are a chain of rowids from its last_attempt through previous. The
-- response's body stands last, so that the chain is read without it.
CREATE TABLE attempt (
	rowid INTEGER PRIMARY KEY,
	endpoint BLOB NOT NULL,
	id BLOB NOT NULL,
	message BLOB NOT NULL,
	previous INTEGER,
	number INTEGER NOT NULL,
	manual INTEGER NOT NULL,
	url TEXT NOT NULL,
	started_at INTEGER NOT NULL,
	duration INTEGER NOT NULL,
	first_byte INTEGER NOT NULL,
	status INTEGER NOT NULL,
	class TEXT NOT NULL,
	detail TEXT,
	state INTEGER NOT NULL,
	next_at INTEGER NOT NULL,
	truncated INTEGER NOT NULL,
	request_header TEXT,
	response_header TEXT,
	response_body BLOB,
	CHECK (state BETWEEN 0 AND 3)
) STRICT;

CREATE UNIQUE INDEX attempt_id ON attempt (endpoint, id);

-- Up to this message every delivery has a row. Behind it, one without a row waits for its first
-- attempt: the message's list of endpoints says that it is there.
CREATE TABLE mark (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	rowid_done INTEGER NOT NULL
) STRICT;

INSERT INTO mark (one, rowid_done) VALUES (1, 0);

-- Endpoints and applications that were deleted and whose rows are still to be removed.
CREATE TABLE doomed (
	id BLOB PRIMARY KEY,
	kind TEXT NOT NULL CHECK (kind IN ('application', 'endpoint'))
) STRICT, WITHOUT ROWID;

-- The largest id of a message or attempt among those that have been removed.
CREATE TABLE newest (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	id BLOB NOT NULL CHECK (length(id) = 16)
) STRICT;

-- messages are the ids stored under the key, one behind the other; zeros where one was left out.
CREATE TABLE idempotency (
	application BLOB NOT NULL,
	key TEXT NOT NULL,
	fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
	messages BLOB NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (application, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_age ON idempotency (expires_at);

CREATE TABLE answer (
	scope TEXT NOT NULL,
	key TEXT NOT NULL,
	fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
	status INTEGER NOT NULL,
	body BLOB NOT NULL,
	expires_at INTEGER NOT NULL,
	PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_age ON answer (expires_at);

CREATE TABLE setting (
	name TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
