-- Subscriptions are found under what their filters let pass, by the mailboxes
-- that ask: an event reads none that its filters drop, and of each mailbox no more
-- than a copy names. What a version before this one has filed, or files meanwhile,
-- has mailbox 0 and is looked through whatever it is, until housekeeping files it
-- anew.
ALTER TABLE route
  ADD COLUMN mailbox bigint NOT NULL DEFAULT 0,
  ADD COLUMN classed boolean NOT NULL DEFAULT false; -- it filters: route_class alone finds it

-- The rows of route that filter, one for each class (subscription.Class).
CREATE TABLE route_class (
  hash      bigint  NOT NULL,
  code      integer NOT NULL,
  class     integer NOT NULL,
  mailbox   bigint  NOT NULL,
  id        bytea   NOT NULL,
  candidate bytea   NOT NULL,
  since     xid8    NOT NULL,
  PRIMARY KEY (hash, code, class, mailbox, id),
  FOREIGN KEY (hash, code, id) REFERENCES route ON DELETE CASCADE
);
CREATE INDEX route_class_id ON route_class (id);
