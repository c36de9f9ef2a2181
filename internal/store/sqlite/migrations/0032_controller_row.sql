-- The rows of the controller catalogue, as JSON. A change raises
-- registry_version, as one of a system does.
CREATE TABLE controller_row (
  id    TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
