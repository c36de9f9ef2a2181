-- What retention has removed of each event type, since the last entry of the audit
-- that tells of it, and what that entry tells. Up to swept the rule of the type itself
-- has looked at every event (store.EventID).
CREATE TABLE purged (
  code       text COLLATE "C" PRIMARY KEY,
  swept      bigint NOT NULL DEFAULT 0,
  since      bigint NOT NULL DEFAULT 0, -- 0: nothing since
  events     bigint NOT NULL DEFAULT 0,
  copies     bigint NOT NULL DEFAULT 0,
  bytes      bigint NOT NULL DEFAULT 0, -- of messages
  upto       bigint NOT NULL DEFAULT 0, -- the newest of them
  noted      bigint NOT NULL DEFAULT 0, -- when the entry was written
  told       text   NOT NULL DEFAULT '' -- its object
);

-- Events that the rule of their type would have removed, and that were still to be
-- delivered or collected: they are tried again.
CREATE TABLE retained (
  event bigint PRIMARY KEY,
  code  text COLLATE "C" NOT NULL
);
CREATE INDEX retained_code ON retained (code, event);
