-- Issues that are not to be listed: failures of an endpoint that have one cause.
CREATE TABLE mute (
	id uuid PRIMARY KEY,
	application uuid NOT NULL,
	endpoint uuid NOT NULL,
	cause text COLLATE "C" NOT NULL,
	created_at bigint NOT NULL,
	UNIQUE (endpoint, cause)
);

CREATE INDEX mute_application ON mute (application);

-- How much has happened in a quarter of an hour, as one Hub has counted it.
CREATE TABLE tally (
	begins_at bigint NOT NULL,
	hub uuid NOT NULL,
	accepted bigint NOT NULL,
	delivered bigint NOT NULL,
	given_up bigint NOT NULL,
	failed bigint NOT NULL,
	PRIMARY KEY (begins_at, hub)
);

-- Who made a session; '': it is from before that was noted.
ALTER TABLE session
	ADD COLUMN created_by text NOT NULL DEFAULT '',
	ADD COLUMN created_by_name text NOT NULL DEFAULT '';

-- As the settings say, which are sealed; NULL: it has not been filled in yet.
ALTER TABLE endpoint ADD COLUMN paused boolean;

-- What has ended otherwise than by success: there is little of it among much.
CREATE INDEX delivery_ended ON delivery (endpoint, state, message) WHERE state > 1;
