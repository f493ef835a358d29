-- Whether the endpoint is paused, as its settings say too, which may be sealed. NULL only until the
-- file is opened by a program that can unseal them.
ALTER TABLE endpoint ADD COLUMN paused INTEGER CHECK (paused IN (0, 1));
UPDATE endpoint SET paused = coalesce(settings ->> 'paused', 0) WHERE sealed_by = '';

-- What has ended otherwise than by success: there is little of it among much.
CREATE INDEX delivery_ended ON delivery (endpoint, state, message) WHERE state > 1;
