CREATE TABLE subscription (
  id       BLOB PRIMARY KEY,
  asid     TEXT    NOT NULL,
  ods      TEXT    NOT NULL,
  mailbox  INTEGER NOT NULL,
  endpoint TEXT    NOT NULL, -- the mailbox as the subscriber wrote it
  criteria TEXT    NOT NULL,
  hash     INTEGER NOT NULL, -- of the route key
  same     INTEGER,          -- of what makes it a duplicate; NULL once it has ended
  status   INTEGER NOT NULL, -- 1 requested, 2 active, 3 off
  ends     INTEGER,          -- NULL: perpetual
  reason   TEXT    NOT NULL,
  created  INTEGER NOT NULL,
  version  INTEGER NOT NULL
) WITHOUT ROWID;
-- Finds duplicates by both, the subscriptions to a patient by the first.
CREATE INDEX subscription_hash ON subscription (hash, same);
CREATE INDEX subscription_owner ON subscription (ods);
CREATE INDEX subscription_ends ON subscription (ends) WHERE ends IS NOT NULL;

-- Under what an event finds its subscriptions. candidate is everything that
-- subscription.Match needs, packed.
CREATE TABLE route (
  hash      INTEGER NOT NULL,
  code      INTEGER NOT NULL, -- event_code
  id        BLOB    NOT NULL,
  candidate BLOB    NOT NULL,
  PRIMARY KEY (hash, code, id)
) WITHOUT ROWID;

-- Subscriptions that cannot be read any more.
CREATE TABLE quarantine (
  id     BLOB PRIMARY KEY,
  at     INTEGER NOT NULL,
  reason TEXT    NOT NULL
) WITHOUT ROWID;
