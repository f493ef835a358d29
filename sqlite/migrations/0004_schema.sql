-- What becomes of messages that the schema of their event type does not allow; NULL: they are not
-- checked. Examples are a list of payloads, as it was given.

ALTER TABLE event_type ADD COLUMN validation TEXT CHECK (validation IS NULL OR validation IN ('warn', 'reject'));
ALTER TABLE event_type ADD COLUMN examples BLOB;

CREATE INDEX event_type_checked ON event_type (name) WHERE validation IS NOT NULL AND archived = 0;
