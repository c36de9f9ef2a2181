-- How new the parts of a patient's record are, of those that an event of the
-- Spine has changed: meta.lastUpdated in microseconds and the version (SCN).
-- A row goes when the patient is imported anew.
CREATE TABLE learnt (
  nhs_number INTEGER PRIMARY KEY,
  name_at    INTEGER NOT NULL,
  name_scn   INTEGER NOT NULL,
  birth_at   INTEGER NOT NULL,
  birth_scn  INTEGER NOT NULL,
  home_at    INTEGER NOT NULL,
  home_scn   INTEGER NOT NULL,
  gp_at      INTEGER NOT NULL,
  gp_scn     INTEGER NOT NULL
);

-- What is known of the file as a whole: up to where the changes of the journal
-- are learnt, and how often organisations and postcodes were written, so that
-- who remembers some knows when to forget them.
CREATE TABLE state (
  only    INTEGER PRIMARY KEY CHECK (only = 1),
  mark    INTEGER NOT NULL,
  written INTEGER NOT NULL
);
INSERT INTO state VALUES (1, 0, 0);
