-- The channels of an endpoint, as its settings say too, which may be sealed: a list, [] if there are
-- none. NULL only until the file is opened by a program that can unseal them.
ALTER TABLE endpoint ADD COLUMN channels TEXT CHECK (channels IS NULL OR json_valid(channels));
UPDATE endpoint SET channels = coalesce(settings -> 'channels', '[]') WHERE sealed_by = '';

-- The only channels that a key or a session is let into; NULL: all.
ALTER TABLE key ADD COLUMN channels TEXT CHECK (channels IS NULL OR json_valid(channels));
ALTER TABLE session ADD COLUMN channels TEXT CHECK (channels IS NULL OR json_valid(channels));
