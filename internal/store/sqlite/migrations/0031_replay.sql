-- Replays: copies that a subscription had are given to their mailbox, or to another
-- of the same owner, again. id is a position. What is to be replayed lies in
-- [first, mark]; up to cursor it has been looked at. ended is NULL for one that
-- is not over. owner, generation and expires are the claim of the node that is busy
-- with it.
CREATE TABLE replay (
  id           INTEGER PRIMARY KEY,
  subscription BLOB    NOT NULL,
  ods          TEXT    NOT NULL,
  source       INTEGER NOT NULL, -- mailbox that had the copies
  target       INTEGER NOT NULL, -- mailbox that gets them
  first        INTEGER NOT NULL,
  mark         INTEGER NOT NULL,
  cursor       INTEGER NOT NULL,
  mode         TEXT    NOT NULL,
  state        TEXT    NOT NULL,
  rate         INTEGER NOT NULL, -- copies a second
  earlier      INTEGER NOT NULL, -- events before the subscription's start, too
  total        INTEGER NOT NULL,
  sent         INTEGER NOT NULL,
  withheld     INTEGER NOT NULL,
  expired      INTEGER NOT NULL,
  passed       INTEGER NOT NULL,
  basis        TEXT    NOT NULL,
  who          TEXT    NOT NULL,
  began        INTEGER NOT NULL,
  ended        INTEGER,
  reason       TEXT    NOT NULL, -- why it failed
  owner        TEXT    NOT NULL DEFAULT '',
  generation   INTEGER NOT NULL DEFAULT 0,
  expires      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX replay_subscription ON replay (subscription, id);
CREATE INDEX replay_open ON replay (id) WHERE ended IS NULL;
CREATE INDEX replay_ended ON replay (ended) WHERE ended IS NOT NULL;

-- The replay that gave a copy to its mailbox again, the last one.
ALTER TABLE delivery ADD COLUMN replay INTEGER;
