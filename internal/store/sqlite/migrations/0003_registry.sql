CREATE TABLE system (
  asid    TEXT PRIMARY KEY,
  value   BLOB    NOT NULL,
  revoked INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE life_cycle (
  code  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;

-- Grows by one with each change of a system or life cycle, so that a reader
-- knows when to read again.
CREATE TABLE registry_version (
  only    INTEGER PRIMARY KEY CHECK (only = 1),
  version INTEGER NOT NULL
);
INSERT INTO registry_version VALUES (1, 0);

-- The audit: one row is one link. ids grow with time.
CREATE TABLE audit_link (
  id      INTEGER PRIMARY KEY,
  chain   INTEGER NOT NULL,
  seq     INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  heads   BLOB,
  hash    BLOB    NOT NULL,
  entries BLOB    NOT NULL
);
