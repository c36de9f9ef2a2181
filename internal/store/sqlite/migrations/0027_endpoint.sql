-- Addresses other than mailboxes to which copies go: each has a row in mailbox, which
-- deliveries and subscriptions name. value is the endpoint as JSON, version counts
-- its changes.
CREATE TABLE endpoint (
  mailbox INTEGER PRIMARY KEY,
  value   BLOB    NOT NULL,
  version INTEGER NOT NULL
);

-- The last attempts to deliver, as JSON; NULL where the channel keeps none.
ALTER TABLE delivery ADD COLUMN tries BLOB;
