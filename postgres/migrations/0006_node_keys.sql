-- The ids of the keys that a node was given, the one it wants to seal with first. NULL: its program
-- is older than this, and seals with which one it likes. From now on sealing_key has the one key
-- that seals, whichever node does; '' before there is any.
ALTER TABLE node ADD COLUMN keys text[] COLLATE "C";
