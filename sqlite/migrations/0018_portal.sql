-- Whether a key is its application's own, as customers make them in the portal.
ALTER TABLE key ADD COLUMN portal INTEGER NOT NULL DEFAULT 0 CHECK (portal IN (0, 1));
CREATE INDEX key_portal ON key (portal, application);

-- Whom the customer wants written to when an endpoint fails; '': nobody.
ALTER TABLE application ADD COLUMN alert_email TEXT NOT NULL DEFAULT '';
