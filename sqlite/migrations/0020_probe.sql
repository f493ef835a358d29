-- What a recovery that waits until its endpoint is healthy has tried last.
ALTER TABLE task ADD COLUMN at_probe BLOB CHECK (length(at_probe) = 16);
