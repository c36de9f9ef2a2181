-- What is known about patients, where this service keeps it. patient_record has the
-- version that counts, with what people search by; patient_version those before it,
-- for as long as events are kept.
CREATE TABLE patient_record (
  patient    INTEGER PRIMARY KEY, -- NHS number
  scn        INTEGER NOT NULL,
  at         INTEGER NOT NULL, -- microseconds
  superseded INTEGER, -- by this number
  born       TEXT NOT NULL,
  practice   TEXT NOT NULL,
  request    BLOB NOT NULL, -- a UUID: a request that is repeated makes one version
  made       BLOB NOT NULL, -- by whom, and the events
  body       BLOB NOT NULL
);
CREATE INDEX patient_record_born ON patient_record (born, patient);

-- What else people search by: 1 family names, 2 postcodes.
CREATE TABLE patient_key (
  kind    INTEGER NOT NULL,
  value   TEXT NOT NULL,
  patient INTEGER NOT NULL,
  PRIMARY KEY (kind, value, patient)
) WITHOUT ROWID;
CREATE INDEX patient_key_patient ON patient_key (patient);

CREATE TABLE patient_version (
  patient    INTEGER NOT NULL,
  scn        INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  superseded INTEGER,
  request    BLOB    NOT NULL,
  made       BLOB    NOT NULL,
  body       BLOB    NOT NULL,
  replaced   INTEGER NOT NULL, -- microseconds
  PRIMARY KEY (patient, scn)
);
CREATE INDEX patient_version_replaced ON patient_version (replaced);

-- Directories learn such a record as a whole: then the row names the patient, and its
-- event is only a position.
ALTER TABLE patient_change ADD COLUMN patient INTEGER;
