-- How often it was changed, and once more: what is derived from an older one does not replace it.
ALTER TABLE application ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE endpoint ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE event_type ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;

-- Whether the endpoint is disabled, as its settings say too, which may be sealed. NULL only until
-- the file is opened by a program that can unseal them.
ALTER TABLE endpoint ADD COLUMN disabled INTEGER CHECK (disabled IN (0, 1));
UPDATE endpoint SET disabled = coalesce(settings ->> 'disabled', 0) WHERE sealed_by = '';
