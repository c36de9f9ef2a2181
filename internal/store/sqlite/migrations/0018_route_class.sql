-- Subscriptions are found under what their filters let pass (class, of
-- subscription.Class), by the mailboxes that ask: an event reads none that its
-- filters drop, and of each mailbox no more than a copy names. Those that wait for
-- approval are in no route.
CREATE TABLE filed (
  hash      INTEGER NOT NULL,
  code      INTEGER NOT NULL, -- event_code
  class     INTEGER NOT NULL,
  mailbox   INTEGER NOT NULL,
  id        BLOB    NOT NULL,
  candidate BLOB    NOT NULL,
  since     INTEGER NOT NULL,
  PRIMARY KEY (hash, code, class, mailbox, id)
) WITHOUT ROWID;
INSERT INTO filed SELECT r.hash, r.code, c.value, s.mailbox, r.id, r.candidate, r.since
  FROM route r CROSS JOIN subscription s ON s.id = r.id CROSS JOIN json_each(filter_classes(r.candidate)) c WHERE s.status = 2;
DROP TABLE route;
ALTER TABLE filed RENAME TO route;
