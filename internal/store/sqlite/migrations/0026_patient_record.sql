-- What is known about patients, where this service keeps it. patient_record has the
-- version that counts, with what people search by; patient_version those before it,
-- for as long as events are kept.
CREATE TABLE patient_record (
  patient    INTEGER PRIMARY KEY, -- NHS number
  scn        INTEGER NOT NULL,
  at         INTEGER NOT NULL, -- microseconds
  superseded INTEGER, -- by this number
  family     TEXT NOT NULL, -- in the form in which names are compared
  born       TEXT NOT NULL,
  postcode   TEXT NOT NULL,
  practice   TEXT NOT NULL,
  request    BLOB NOT NULL, -- a UUID: a request that is repeated makes one version
  made       BLOB NOT NULL, -- by whom, and the events
  body       BLOB NOT NULL
);
CREATE INDEX patient_record_family ON patient_record (family, born, patient);
CREATE INDEX patient_record_born ON patient_record (born, family, patient);
CREATE INDEX patient_record_postcode ON patient_record (postcode, patient);

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
