-- What retention has removed of each event type, since the last entry of the audit
-- that tells of it, and what that entry tells. Up to swept the rule of the type itself
-- has looked at every event (store.EventID).
CREATE TABLE purged (
  code       TEXT PRIMARY KEY,
  swept      INTEGER NOT NULL DEFAULT 0,
  since      INTEGER NOT NULL DEFAULT 0, -- 0: nothing since
  events     INTEGER NOT NULL DEFAULT 0,
  copies     INTEGER NOT NULL DEFAULT 0,
  bytes      INTEGER NOT NULL DEFAULT 0, -- of messages
  upto       INTEGER NOT NULL DEFAULT 0, -- the newest of them
  noted      INTEGER NOT NULL DEFAULT 0, -- when the entry was written
  told       TEXT    NOT NULL DEFAULT '' -- its object
) WITHOUT ROWID;

-- Events that the rule of their type would have removed, and that were still to be
-- delivered or collected: they are tried again.
CREATE TABLE retained (
  event INTEGER PRIMARY KEY,
  code  TEXT NOT NULL
);
CREATE INDEX retained_code ON retained (code, event);
