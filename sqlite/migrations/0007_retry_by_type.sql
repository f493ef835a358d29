-- A retry plan is an object: the name of a preset, or delays in microseconds.

ALTER TABLE application ADD COLUMN retry TEXT CHECK (retry IS NULL OR json_valid(retry));
ALTER TABLE event_type ADD COLUMN retry TEXT CHECK (retry IS NULL OR json_valid(retry));
