-- The main database. Numbers of enumerations are those of the Go types and
-- never change. Moments are microseconds since 1970, unless they are event ids
-- (store.EventID), which carry their moment in the upper bits.

-- Event codes with their workflow ids, so that rows hold a small number.
CREATE TABLE event_type (
  id       INTEGER PRIMARY KEY,
  code     TEXT NOT NULL,
  workflow TEXT NOT NULL,
  UNIQUE (code, workflow)
);

CREATE TABLE event_code (
  id   INTEGER PRIMARY KEY,
  code TEXT NOT NULL UNIQUE
);

CREATE TABLE event (
  id         INTEGER PRIMARY KEY, -- store.EventID
  type       INTEGER NOT NULL,    -- event_type
  kind       TEXT    NOT NULL,
  message_id TEXT    NOT NULL,
  publisher  TEXT    NOT NULL,
  withheld   INTEGER NOT NULL,
  warnings   BLOB,
  -- Rows of the mailboxes that got a copy at once, as varints; NULL when the
  -- copies went through fanout.
  mailboxes  BLOB,
  codec      INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  sha256     BLOB    NOT NULL,
  body       BLOB                 -- NULL: in event_piece
);

-- Bodies of more than 256 KiB, in order.
CREATE TABLE event_piece (
  event INTEGER NOT NULL,
  n     INTEGER NOT NULL,
  data  BLOB    NOT NULL,
  PRIMARY KEY (event, n)
);

-- The copies of an event with many: the row is the durable delivery. spread
-- has a row as long as copies are still to be filed in inboxes.
CREATE TABLE fanout (
  event  INTEGER PRIMARY KEY,
  copies BLOB NOT NULL
);
CREATE TABLE spread (
  event  INTEGER PRIMARY KEY,
  offset INTEGER NOT NULL -- byte of fanout.copies at which to go on
);

CREATE TABLE mailbox (
  row      INTEGER PRIMARY KEY,
  id       TEXT    NOT NULL COLLATE NOCASE UNIQUE,
  name     TEXT    NOT NULL,
  ods      TEXT    NOT NULL COLLATE NOCASE,
  password TEXT    NOT NULL,
  remote   INTEGER NOT NULL
);
CREATE INDEX mailbox_ods ON mailbox (ods);

CREATE TABLE workflow (
  id        TEXT PRIMARY KEY,
  senders   TEXT NOT NULL, -- JSON array of mailbox ids
  receivers TEXT NOT NULL
) WITHOUT ROWID;

-- What waits in a mailbox: the copy of an event (type, of event_type) or a
-- message that somebody sent (type 0, of message). For a mailbox of a remote
-- MESH the same rows wait for the courier.
CREATE TABLE inbox (
  mailbox  INTEGER NOT NULL,
  position INTEGER NOT NULL, -- store.EventID
  type     INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  asked    BLOB,             -- ids of the subscriptions, 16 bytes each
  partner  TEXT,
  PRIMARY KEY (mailbox, position)
) WITHOUT ROWID;

-- What left an inbox, until retention removes it: acknowledged, or given up.
CREATE TABLE collected (
  mailbox  INTEGER NOT NULL,
  position INTEGER NOT NULL,
  type     INTEGER NOT NULL,
  size     INTEGER NOT NULL,
  asked    BLOB,
  partner  TEXT,
  status   TEXT    NOT NULL, -- store.MessageStatus
  at       INTEGER NOT NULL,
  fault    BLOB,             -- why a copy was given up, as JSON
  PRIMARY KEY (mailbox, position)
) WITHOUT ROWID;

-- Messages that mailboxes send to each other, and reports. They stand here
-- in whatever state, and in inbox or collected once they are complete.
CREATE TABLE message (
  position  INTEGER PRIMARY KEY,
  mailbox   INTEGER NOT NULL, -- recipient
  sender    TEXT    NOT NULL COLLATE NOCASE,
  local_id  TEXT    NOT NULL,
  status    TEXT    NOT NULL,
  status_at INTEGER NOT NULL,
  expires   INTEGER,
  headers   BLOB    NOT NULL -- the rest of store.Message, as JSON
);
CREATE INDEX message_sender ON message (sender);
CREATE INDEX message_local_id ON message (sender, local_id) WHERE local_id <> '';
CREATE INDEX message_uploading ON message (position) WHERE status = 'uploading';
CREATE INDEX message_expires ON message (expires) WHERE status = 'accepted';

-- Chunks of messages in pieces of at most 256 KiB. A chunk that is put again
-- gets the next generation; its end names the one that counts.
CREATE TABLE piece (
  position   INTEGER NOT NULL,
  chunk      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  n          INTEGER NOT NULL,
  data       BLOB    NOT NULL,
  PRIMARY KEY (position, chunk, generation, n)
);
CREATE TABLE chunk (
  position   INTEGER NOT NULL,
  chunk      INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  pieces     INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  PRIMARY KEY (position, chunk)
) WITHOUT ROWID;

-- Chunks that were put on their own, by generation, which carries the moment:
-- where to look, after a day, for pieces that nothing needs.
CREATE TABLE upload (
  generation INTEGER PRIMARY KEY,
  position   INTEGER NOT NULL,
  chunk      INTEGER NOT NULL
);

CREATE TABLE idempotency (
  digest BLOB PRIMARY KEY,  -- of ASID and key
  event  INTEGER NOT NULL,  -- carries the moment
  sha256 BLOB    NOT NULL,
  copies INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_event ON idempotency (event);

-- How far sweeps over all events have come, by name.
CREATE TABLE progress (
  name     TEXT PRIMARY KEY,
  position INTEGER NOT NULL
) WITHOUT ROWID;
