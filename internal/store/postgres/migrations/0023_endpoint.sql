-- +goose Up

-- Addresses other than mailboxes to which copies go: each has a row in mailbox, which
-- deliveries and subscriptions name. value is the endpoint as JSON, version counts
-- its changes.
CREATE TABLE endpoint (
  mailbox bigint PRIMARY KEY,
  value   bytea  NOT NULL,
  version bigint NOT NULL
);

-- The last attempts to deliver, as JSON; NULL where the channel keeps none.
ALTER TABLE delivery ADD COLUMN tries bytea;
