-- The remote mailboxes that the courier has been busy with: who is (owner '':
-- nobody), until when, and before when nobody need try again. Accepting an
-- event touches no row here.
CREATE TABLE lane (
  mailbox      INTEGER PRIMARY KEY,
  owner        TEXT    NOT NULL,
  generation   INTEGER NOT NULL,
  expires      INTEGER NOT NULL,
  next_attempt INTEGER NOT NULL,
  failures     INTEGER NOT NULL
);

-- What the courier knows of a copy beyond its row in inbox or collected; there
-- is none before the first attempt.
CREATE TABLE delivery (
  mailbox   INTEGER NOT NULL,
  position  INTEGER NOT NULL,
  attempts  INTEGER NOT NULL DEFAULT 0,
  refusals  INTEGER NOT NULL DEFAULT 0,
  first     INTEGER,           -- moment of the first attempt
  uncertain INTEGER NOT NULL DEFAULT 0,
  round     INTEGER NOT NULL DEFAULT 0, -- how often an operator had it sent anew
  mesh_id   TEXT,
  fault     BLOB,              -- the last error, as in collected
  PRIMARY KEY (mailbox, position)
) WITHOUT ROWID;
CREATE INDEX delivery_mesh_id ON delivery (mesh_id) WHERE mesh_id IS NOT NULL;
