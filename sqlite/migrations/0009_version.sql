-- Which version of its type a message is of, 0 where it does not say: of one event there may be a
-- message for each. In the index it keeps those apart.
ALTER TABLE message ADD COLUMN event_type_version INTEGER NOT NULL DEFAULT 0;

DROP INDEX message_event_id;
CREATE UNIQUE INDEX message_event_id ON message (application, event_id, event_type_version) WHERE event_id IS NOT NULL;

-- Which version of the event type is current, and when it and its versions go out of use.
ALTER TABLE event_type ADD COLUMN lifecycle TEXT CHECK (lifecycle IS NULL OR json_valid(lifecycle));

DROP INDEX event_type_checked;
CREATE INDEX event_type_checked ON event_type (name) WHERE archived = 0 AND validation IS NOT NULL OR lifecycle IS NOT NULL;

-- Since when those are deprecated that are so far nobody has noted: it was no later than when they
-- were last changed.
UPDATE event_type SET lifecycle = json_object('deprecatedAt', updated_at) WHERE deprecated = 1;
