-- What exports have written: a task's parts are numbered from 0. They are compressed, and sealed
-- with the key sealed_by; '' where they are not.
CREATE TABLE task_part (
	rowid INTEGER PRIMARY KEY,
	task BLOB NOT NULL CHECK (length(task) = 16),
	number INTEGER NOT NULL,
	sealed_by TEXT NOT NULL,
	content BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX task_part_number ON task_part (task, number);
CREATE INDEX task_part_sealed ON task_part (sealed_by);

-- at_attempt is the attempt of at_message behind which others are still to come.
ALTER TABLE task ADD COLUMN at_attempt BLOB CHECK (length(at_attempt) = 16);
ALTER TABLE task ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;

-- What has no payload any more, so that counting what has one reads no message.
CREATE INDEX message_expunged ON message (application, id) WHERE payload IS NULL;
