-- +goose Up

-- What is known about patients, where this service keeps it. patient_record has the
-- version that counts, with what people search by; patient_version those before it,
-- for as long as events are kept.
CREATE TABLE patient_record (
  patient    bigint PRIMARY KEY, -- NHS number
  scn        bigint NOT NULL,
  at         bigint NOT NULL, -- microseconds
  superseded bigint, -- by this number
  family     text COLLATE "C" NOT NULL, -- in the form in which names are compared
  born       text COLLATE "C" NOT NULL,
  postcode   text COLLATE "C" NOT NULL,
  practice   text COLLATE "C" NOT NULL,
  request    bytea NOT NULL, -- a UUID: a request that is repeated makes one version
  made       bytea NOT NULL, -- by whom, and the events
  body       bytea NOT NULL
);
CREATE INDEX patient_record_family ON patient_record (family, born, patient);
CREATE INDEX patient_record_born ON patient_record (born, family, patient);
CREATE INDEX patient_record_postcode ON patient_record (postcode, patient);

CREATE TABLE patient_version (
  patient    bigint NOT NULL,
  scn        bigint NOT NULL,
  at         bigint NOT NULL,
  superseded bigint,
  request    bytea  NOT NULL,
  made       bytea  NOT NULL,
  body       bytea  NOT NULL,
  replaced   bigint NOT NULL, -- microseconds
  PRIMARY KEY (patient, scn)
);
CREATE INDEX patient_version_replaced ON patient_version (replaced);

-- Directories learn such a record as a whole: then the row names the patient, and its
-- event is only a position.
ALTER TABLE patient_change ADD COLUMN patient bigint;
