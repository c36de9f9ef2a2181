-- +goose Up

-- The directory that all nodes share. Each part is a table of its own, whose name ends
-- in its generation: a replacement fills the table of the next generation and then
-- changes the number here. Readers are never locked out, and nothing bloats. version
-- grows with every write of a part, so that nodes forget what they remember of it.
CREATE TABLE directory_part (
  part       text COLLATE "C" PRIMARY KEY,
  generation bigint NOT NULL,
  version    bigint NOT NULL
);
INSERT INTO directory_part VALUES ('organisations', 1, 0), ('patients', 1, 0), ('postcodes', 1, 0);
CREATE SEQUENCE directory_generation START 2;

-- n is the row's number in its file: of two rows with the same key the later counts.
CREATE TABLE directory_patients_1 (
  key        bigint NOT NULL, -- NHS number
  superseded bigint,
  n          bigint NOT NULL,
  born       integer, -- days since 1970
  flags      smallint NOT NULL, -- 1 sensitive, 2 invalid
  family     text COLLATE "C" NOT NULL,
  given      text COLLATE "C" NOT NULL, -- JSON array
  postcode   text COLLATE "C" NOT NULL,
  gp         text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX directory_patients_1_key ON directory_patients_1 (key);

CREATE TABLE directory_organisations_1 (
  key      text COLLATE "C" NOT NULL, -- ODS code
  n        bigint NOT NULL,
  name     text COLLATE "C" NOT NULL,
  sub_icb  text COLLATE "C" NOT NULL,
  practice boolean NOT NULL,
  closed   boolean NOT NULL
);
CREATE UNIQUE INDEX directory_organisations_1_key ON directory_organisations_1 (key);

CREATE TABLE directory_postcodes_1 (
  key       text COLLATE "C" NOT NULL, -- capitals, without the blank
  n         bigint NOT NULL,
  sub_icb   text COLLATE "C" NOT NULL,
  authority text COLLATE "C" NOT NULL,
  country   text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX directory_postcodes_1_key ON directory_postcodes_1 (key);

-- What events have changed in patients' records since they were imported, laid over
-- them when they are read: a part counts where its version is not 0 (meta.lastUpdated
-- in microseconds, and the SCN), superseded and flags where whole is set. So an import
-- can write the table below it without regard to events, and loses none. changed is by
-- the database's clock; since is the transaction, from which nodes learn what to forget.
CREATE TABLE directory_learnt (
  key        bigint PRIMARY KEY,
  whole      boolean NOT NULL,
  superseded bigint,
  born       integer,
  flags      smallint NOT NULL,
  family     text COLLATE "C" NOT NULL,
  given      text COLLATE "C" NOT NULL,
  postcode   text COLLATE "C" NOT NULL,
  gp         text COLLATE "C" NOT NULL,
  name_at    bigint NOT NULL,
  name_scn   bigint NOT NULL,
  birth_at   bigint NOT NULL,
  birth_scn  bigint NOT NULL,
  home_at    bigint NOT NULL,
  home_scn   bigint NOT NULL,
  gp_at      bigint NOT NULL,
  gp_scn     bigint NOT NULL,
  changed    timestamptz NOT NULL DEFAULT clock_timestamp(),
  since      xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX directory_learnt_since ON directory_learnt (since);

-- mark is up to where the changes of the journal are learnt.
CREATE TABLE directory_state (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  mark   bigint NOT NULL
);
INSERT INTO directory_state VALUES (true, 0);

-- The import that is under way, or was broken off, and the chunks of its file that are
-- in the table of its generation.
CREATE TABLE directory_import (
  single     boolean PRIMARY KEY DEFAULT true CHECK (single),
  part       text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  started    timestamptz NOT NULL DEFAULT clock_timestamp(),
  who        text NOT NULL
);
CREATE TABLE directory_chunk (
  number bigint PRIMARY KEY,
  rows   bigint NOT NULL,
  digest bytea NOT NULL
);
