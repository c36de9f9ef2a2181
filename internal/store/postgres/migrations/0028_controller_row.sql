-- The rows of the controller catalogue, as JSON. A change raises
-- version.registry, as one of a system does.
CREATE TABLE controller_row (
  id    text COLLATE "C" PRIMARY KEY,
  value bytea NOT NULL
);
