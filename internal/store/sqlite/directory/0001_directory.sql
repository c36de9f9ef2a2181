CREATE TABLE patient (
  nhs_number    INTEGER PRIMARY KEY,
  superseded_by INTEGER,
  family        TEXT NOT NULL,
  given         TEXT NOT NULL, -- JSON array
  born          INTEGER,       -- days since 1970; NULL: not known
  postcode      TEXT NOT NULL,
  gp            TEXT NOT NULL,
  flags         INTEGER NOT NULL -- 1 sensitive, 2 invalid
);

CREATE TABLE organisation (
  code     TEXT PRIMARY KEY,
  name     TEXT NOT NULL,
  sub_icb  TEXT NOT NULL,
  practice INTEGER NOT NULL,
  closed   INTEGER NOT NULL
) WITHOUT ROWID;

-- Where postcodes lie: there are a few thousand combinations of areas for 2.7
-- million postcodes.
CREATE TABLE places (
  id        INTEGER PRIMARY KEY,
  sub_icb   TEXT NOT NULL,
  authority TEXT NOT NULL,
  country   TEXT NOT NULL,
  UNIQUE (sub_icb, authority, country)
);

-- The key is the postcode without its blank as a number in base 37.
CREATE TABLE postcode (
  key    INTEGER PRIMARY KEY,
  places INTEGER NOT NULL
);
