-- +goose Up

-- How copies go to an endpoint: each channel claims its own.
ALTER TABLE endpoint ADD COLUMN channel text NOT NULL DEFAULT 'webhook';
CREATE INDEX endpoint_channel ON endpoint (channel);

-- How far a subscription has counted its events, and when it last did, by the
-- clock of leases. A new epoch says that numbers may have been given twice.
CREATE TABLE numbering (
  subscription bytea  PRIMARY KEY,
  epoch        bigint NOT NULL,
  last         bigint NOT NULL,
  changed      bigint NOT NULL
);
CREATE INDEX numbering_changed ON numbering (changed);

-- The events that a subscription has counted.
CREATE TABLE numbered (
  subscription bytea  NOT NULL,
  number       bigint NOT NULL,
  mailbox      bigint NOT NULL,
  position     bigint NOT NULL,
  at           bigint NOT NULL,
  PRIMARY KEY (subscription, number)
);
CREATE INDEX numbered_position ON numbered (position, mailbox);
