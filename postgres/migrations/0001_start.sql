-- Identifiers are uuids, times are microseconds since 1970 in UTC (0: none), lists and maps are
-- JSON but for those that are searched, which are arrays. Names and what users call things compare
-- byte by byte. A column that may be NULL is NULL where there is nothing.
--
-- Nothing here has a foreign key, a sequence or a trigger, and each large table leads with what it
-- can be distributed by.

CREATE TABLE application (
	id uuid PRIMARY KEY,
	uid text COLLATE "C" UNIQUE,
	name text NOT NULL,
	rate_limit bigint NOT NULL,
	metadata text,
	retry text,
	revision bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL
);

-- sealed_by, here and below, is the id of the key that what is secret in a row is sealed with, ''
-- where it is not.
CREATE TABLE endpoint (
	id uuid PRIMARY KEY,
	application uuid NOT NULL,
	uid text COLLATE "C",
	url text NOT NULL,
	ordered boolean NOT NULL,
	disabled boolean NOT NULL,
	channels text[] COLLATE "C" NOT NULL,
	failing_since bigint NOT NULL,
	settings bytea NOT NULL,
	sealed_by text COLLATE "C" NOT NULL,
	revision bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL
);

CREATE INDEX endpoint_application ON endpoint (application, id);
CREATE UNIQUE INDEX endpoint_uid ON endpoint (application, uid) WHERE uid IS NOT NULL;
CREATE INDEX endpoint_sealed ON endpoint (sealed_by);

-- token and old_token are hashes of the ends of its addresses.
CREATE TABLE source (
	id uuid PRIMARY KEY,
	application uuid NOT NULL,
	uid text COLLATE "C",
	token bytea NOT NULL UNIQUE,
	old_token bytea UNIQUE,
	settings bytea NOT NULL,
	sealed_by text COLLATE "C" NOT NULL,
	revision bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL
);

CREATE INDEX source_application ON source (application, id);
CREATE UNIQUE INDEX source_uid ON source (application, uid) WHERE uid IS NOT NULL;
CREATE INDEX source_sealed ON source (sealed_by);

CREATE TABLE event_type (
	name text COLLATE "C" PRIMARY KEY,
	id uuid NOT NULL,
	description text NOT NULL,
	group_name text NOT NULL,
	schemas bytea,
	examples bytea,
	validation text,
	feature_flags text,
	retry text,
	lifecycle text,
	archived boolean NOT NULL,
	deprecated boolean NOT NULL,
	revision bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL,
	CHECK (validation IN ('warn', 'reject'))
);

CREATE INDEX event_type_checked ON event_type (name) WHERE validation IS NOT NULL AND NOT archived OR lifecycle IS NOT NULL;

-- The three tables that grow are divided by time, as identifiers begin with it, so that a week that
-- is old enough is dropped as a whole. What belongs to no week that has a partition is in the default
-- one.

-- endpoints are those the message has a delivery to: by them its deliveries are found. The checksum
-- of a payload is CRC-32C. Payloads are not compressed: many are already, and it would cost more
-- than all the rest.
CREATE TABLE message (
	application uuid NOT NULL,
	id uuid NOT NULL,
	event_id text COLLATE "C",
	event_type text COLLATE "C" NOT NULL,
	event_type_version integer NOT NULL,
	content_type text,
	channels text[] COLLATE "C",
	tags text[] COLLATE "C",
	ordering_key text COLLATE "C",
	deliver_at bigint NOT NULL,
	created_at bigint NOT NULL,
	checksum bigint NOT NULL,
	endpoints uuid[] NOT NULL,
	payload bytea,
	PRIMARY KEY (id)
) PARTITION BY RANGE (id);

CREATE INDEX message_application ON message (application, id);

-- What has no payload any more, so that counting what has one reads no message.
CREATE INDEX message_expunged ON message (application, id) WHERE payload IS NULL;

ALTER TABLE message ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE message_other PARTITION OF message DEFAULT;

-- An event id is taken, once for each version of an event type, as long as its message is there; a
-- unique index of message would have to lead with the time.
CREATE TABLE event_id (
	application uuid NOT NULL,
	event_id text COLLATE "C" NOT NULL,
	event_type_version integer NOT NULL,
	message uuid NOT NULL,
	PRIMARY KEY (application, event_id, event_type_version)
);

CREATE INDEX event_id_message ON event_id (message);

-- created_at is the message's, state a fanfare.State. The shard is the endpoint's.
CREATE TABLE delivery (
	endpoint uuid NOT NULL,
	message uuid NOT NULL,
	shard smallint NOT NULL,
	state smallint NOT NULL,
	manual boolean NOT NULL,
	attempts integer NOT NULL,
	rank bigint NOT NULL,
	due_at bigint NOT NULL,
	created_at bigint NOT NULL,
	ordering_key text COLLATE "C",
	PRIMARY KEY (endpoint, message),
	CHECK (state BETWEEN 0 AND 3)
) PARTITION BY RANGE (message);

CREATE TABLE delivery_other PARTITION OF delivery DEFAULT;

CREATE INDEX delivery_waiting ON delivery (shard, endpoint, rank, message) WHERE state = 0;
CREATE INDEX delivery_keyed ON delivery (endpoint, ordering_key, rank, message) WHERE state = 0 AND ordering_key IS NOT NULL;

-- place is where the attempt stands among all, in the order in which they were committed: the
-- transaction, and the number within it, and what counter says. It is read only as far as no transaction that began earlier
-- is still open.
CREATE TABLE attempt (
	endpoint uuid NOT NULL,
	id uuid NOT NULL,
	message uuid NOT NULL,
	place bigint NOT NULL,
	number integer NOT NULL,
	manual boolean NOT NULL,
	url text NOT NULL,
	started_at bigint NOT NULL,
	duration bigint NOT NULL,
	first_byte bigint NOT NULL,
	status integer NOT NULL,
	class text NOT NULL,
	detail text,
	state smallint NOT NULL,
	next_at bigint NOT NULL,
	truncated boolean NOT NULL,
	request_header bytea,
	response_header bytea,
	response_body bytea,
	PRIMARY KEY (endpoint, id),
	CHECK (state BETWEEN 0 AND 3)
) PARTITION BY RANGE (id);

CREATE TABLE attempt_other PARTITION OF attempt DEFAULT;

CREATE INDEX attempt_message ON attempt (message, id);
CREATE INDEX attempt_place ON attempt (place);

-- Endpoints and applications that were deleted and whose rows are still to be removed.
CREATE TABLE doomed (
	id uuid PRIMARY KEY,
	kind text NOT NULL CHECK (kind IN ('application', 'endpoint'))
);

-- The largest id of a message or attempt among those that have been removed, and the largest place.
CREATE TABLE newest (
	one integer PRIMARY KEY CHECK (one = 1),
	id uuid NOT NULL,
	place bigint NOT NULL
);

INSERT INTO newest (one, id, place) VALUES (1, '00000000-0000-0000-0000-000000000000', 0);

-- messages are the ids stored under the key; zeros where one was left out.
CREATE TABLE idempotency (
	application uuid NOT NULL,
	key text COLLATE "C" NOT NULL,
	fingerprint bytea NOT NULL,
	messages uuid[] NOT NULL,
	expires_at bigint NOT NULL,
	PRIMARY KEY (application, key)
);

CREATE INDEX idempotency_age ON idempotency (expires_at);

CREATE TABLE answer (
	scope text COLLATE "C" NOT NULL,
	key text COLLATE "C" NOT NULL,
	fingerprint bytea NOT NULL,
	status integer NOT NULL,
	body bytea NOT NULL,
	sealed_by text COLLATE "C" NOT NULL,
	expires_at bigint NOT NULL,
	PRIMARY KEY (scope, key)
);

CREATE INDEX answer_age ON answer (expires_at);
CREATE INDEX answer_sealed ON answer (sealed_by);

CREATE TABLE setting (
	name text COLLATE "C" PRIMARY KEY,
	value bytea NOT NULL,
	sealed_by text COLLATE "C" NOT NULL
);

-- Who is let in beside the one with the admin key. hash is keyed, of a secret that nobody keeps.
-- used_at is written at most once a minute.
CREATE TABLE key (
	id uuid PRIMARY KEY,
	hash bytea NOT NULL UNIQUE,
	name text NOT NULL,
	scopes text NOT NULL,
	application uuid,
	channels text,
	expires_at bigint NOT NULL,
	used_at bigint NOT NULL,
	created_at bigint NOT NULL
);

CREATE INDEX key_application ON key (application) WHERE application IS NOT NULL;

CREATE TABLE session (
	hash bytea PRIMARY KEY,
	application uuid NOT NULL,
	capabilities text,
	feature_flags text,
	channels text,
	label text NOT NULL,
	expires_at bigint NOT NULL,
	created_at bigint NOT NULL
);

CREATE INDEX session_application ON session (application, created_at);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE task (
	id uuid PRIMARY KEY,
	application uuid NOT NULL,
	endpoint uuid,
	kind text NOT NULL,
	state smallint NOT NULL CHECK (state BETWEEN 0 AND 3),
	revision bigint NOT NULL,
	total bigint NOT NULL,
	done bigint NOT NULL,
	at_endpoint uuid,
	at_message uuid,
	at_attempt uuid,
	selection text NOT NULL,
	error text,
	parts bigint NOT NULL,
	lines bigint NOT NULL,
	damaged bigint NOT NULL,
	size bigint NOT NULL,
	expires_at bigint NOT NULL,
	created_at bigint NOT NULL,
	updated_at bigint NOT NULL
);

CREATE INDEX task_application ON task (application, id);
CREATE INDEX task_running ON task (id) WHERE state = 0;

-- What exports have written, numbered from 0, compressed, and sealed with the key sealed_by.
CREATE TABLE task_part (
	task uuid NOT NULL,
	number bigint NOT NULL,
	sealed_by text COLLATE "C" NOT NULL,
	content bytea NOT NULL,
	PRIMARY KEY (task, number)
);

CREATE INDEX task_part_sealed ON task_part (sealed_by);

ALTER TABLE task_part ALTER COLUMN content SET STORAGE EXTERNAL;

-- The keys that anything may be sealed with; '' as long as there may be something that is not sealed.
CREATE TABLE sealing_key (
	id text COLLATE "C" PRIMARY KEY
);

INSERT INTO sealing_key (id) VALUES ('');

CREATE TABLE audit (
	id uuid PRIMARY KEY,
	at bigint NOT NULL,
	actor text NOT NULL,
	action text NOT NULL,
	application text,
	object text,
	address text,
	refused boolean NOT NULL,
	fields text,
	detail text
);

CREATE INDEX audit_age ON audit (at);
CREATE INDEX audit_refused ON audit (refused, id);

-- after is NULL before all messages.
CREATE TABLE consumer (
	endpoint uuid NOT NULL,
	name text COLLATE "C" NOT NULL,
	after uuid,
	epoch bigint NOT NULL,
	seen_at bigint NOT NULL,
	created_at bigint NOT NULL,
	PRIMARY KEY (endpoint, name)
);

CREATE INDEX consumer_age ON consumer (seen_at);

-- A node holds its row as long as it lives: it says until when, by the database's clock, and whoever
-- finds that past removes the row. What a node writes of deliveries, it writes only with its row locked.
-- process is which one of its machine it is, where that can be told. One that is about to leave takes no shards.
CREATE TABLE node (
	id uuid PRIMARY KEY,
	name text NOT NULL,
	process text,
	horizon bigint NOT NULL,
	started_at timestamptz NOT NULL,
	expires_at timestamptz NOT NULL,
	takes boolean NOT NULL DEFAULT true
);

-- The lanes of an endpoint's shard run on its owner; NULL: on none. The last shard has no lanes but
-- the work that one node does for all.
CREATE TABLE shard (
	id smallint PRIMARY KEY,
	owner uuid,
	epoch bigint NOT NULL
);

INSERT INTO shard (id, epoch) SELECT n, 0 FROM generate_series(0, 256) AS n;

-- What was changed of the catalogue, in order, for the nodes that keep parts of it in memory: an
-- application with all that is its own, or NULL for what belongs to none.
CREATE TABLE change (
	n bigint PRIMARY KEY,
	application uuid,
	made_at timestamptz NOT NULL
);

-- counter hands out the numbers of changes, counts the transactions that were repeated, is what
-- nodes that take shards lock, says how far all nodes had come (horizon), which cluster of databases this
-- one was in when it was opened last (cluster), and what is added to the places of attempts, as another
-- cluster had made larger ones (place).
CREATE TABLE counter (
	name text COLLATE "C" PRIMARY KEY,
	n bigint NOT NULL
);

INSERT INTO counter (name, n) VALUES ('change', 0), ('shard', 0), ('horizon', 0), ('cluster', 0), ('place', 0);
