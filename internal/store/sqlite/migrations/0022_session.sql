-- Who has signed in to the console, and the links that let somebody in once. The
-- keys are hashes of secrets that browsers hold.
CREATE TABLE session (
  n           INTEGER PRIMARY KEY AUTOINCREMENT,
  key         BLOB    NOT NULL UNIQUE,
  user        TEXT    NOT NULL,
  proof       TEXT    NOT NULL,
  certificate TEXT    NOT NULL,
  roles       TEXT    NOT NULL,
  begun       INTEGER NOT NULL,
  seen        INTEGER NOT NULL,
  ends        INTEGER NOT NULL
);
CREATE TABLE sign_in_link (
  key   BLOB    PRIMARY KEY,
  user  TEXT    NOT NULL,
  roles TEXT    NOT NULL,
  ends  INTEGER NOT NULL
) WITHOUT ROWID;
