-- How far the readers of a subscription have taken its events.
CREATE TABLE cursor (
  subscription BLOB    PRIMARY KEY,
  epoch        INTEGER NOT NULL,
  number       INTEGER NOT NULL,
  at           INTEGER NOT NULL
) WITHOUT ROWID;
