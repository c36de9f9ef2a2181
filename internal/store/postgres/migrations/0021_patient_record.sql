-- What is known about patients, where this service keeps it. patient_record has the
-- version that counts, with what people search by; patient_version those before it,
-- for as long as events are kept.
CREATE TABLE patient_record (
  patient    bigint PRIMARY KEY, -- NHS number
  scn        bigint NOT NULL,
  at         bigint NOT NULL, -- microseconds
  superseded bigint, -- by this number
  born       text COLLATE "C" NOT NULL,
  practice   text COLLATE "C" NOT NULL,
  request    bytea NOT NULL, -- a UUID: a request that is repeated makes one version
  made       bytea NOT NULL, -- by whom, and the events
  body       bytea NOT NULL
);
CREATE INDEX patient_record_born ON patient_record (born, patient);

-- What else people search by: 1 family names, 2 postcodes.
CREATE TABLE patient_key (
  kind    smallint NOT NULL,
  value   text COLLATE "C" NOT NULL,
  patient bigint NOT NULL,
  PRIMARY KEY (kind, value, patient)
);
CREATE INDEX patient_key_patient ON patient_key (patient);

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
