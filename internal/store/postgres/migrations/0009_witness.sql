-- What nodes have seen of files outside the database, under names of their own:
-- so that they notice when such a file is emptied, or an older one put in its
-- place.
CREATE TABLE witness (
  name  text  PRIMARY KEY,
  value bytea NOT NULL
);
