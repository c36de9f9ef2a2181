-- What a node has seen of files outside the database, under names of its own: so
-- that it notices when such a file is emptied, or an older one put in its place.
CREATE TABLE witness (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
