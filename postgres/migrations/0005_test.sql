-- Messages that are tests: see fanfare.TestTag. There are few of them among many.
CREATE INDEX message_test ON message (application, id) WHERE 'fanfare-test' = ANY(tags);
