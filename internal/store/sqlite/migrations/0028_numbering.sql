-- How copies go to an endpoint: each channel claims its own.
ALTER TABLE endpoint ADD COLUMN channel TEXT NOT NULL DEFAULT 'webhook';
CREATE INDEX endpoint_channel ON endpoint (channel);

-- How far a subscription has counted its events, and when it last did, by the
-- clock of leases. A new epoch says that numbers may have been given twice.
CREATE TABLE numbering (
  subscription BLOB    PRIMARY KEY,
  epoch        INTEGER NOT NULL,
  last         INTEGER NOT NULL,
  changed      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX numbering_changed ON numbering (changed);

-- The events that a subscription has counted.
CREATE TABLE numbered (
  subscription BLOB    NOT NULL,
  number       INTEGER NOT NULL,
  mailbox      INTEGER NOT NULL,
  position     INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (subscription, number)
);
CREATE INDEX numbered_position ON numbered (position, mailbox);
