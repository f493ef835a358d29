-- How many attempts at an endpoint were begun in an hour, as they stand on one of a Hub's sheets.
CREATE TABLE endpoint_tally (
	endpoint uuid NOT NULL,
	begins_at bigint NOT NULL,
	sheet uuid NOT NULL,
	succeeded bigint NOT NULL,
	failed bigint NOT NULL,
	PRIMARY KEY (endpoint, begins_at, sheet)
);

CREATE INDEX endpoint_tally_age ON endpoint_tally (begins_at);
