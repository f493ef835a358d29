-- The ids of the keys that a node was given, the one it wants to seal with first. NULL: its program
-- is older than this, and seals with which one it likes.
ALTER TABLE node ADD COLUMN keys text[] COLLATE "C";

-- From now on sealing_key has the one key that seals, whichever node does, once there is one. Until
-- now it said what was imported once, and not what has sealed since.
DELETE FROM sealing_key
WHERE to_regclass('fanfare_import') IS NULL;
