-- Which links of the audit name which patient: an index that housekeeping makes
-- behind accepting, a segment of some ten thousand entries at a time. A row is
-- the part of a segment that one of 64 buckets of patients has. Links behind the
-- last segment are looked through. What is missing is filed again.
CREATE TABLE audit_filed (
  bucket integer NOT NULL,
  first  bigint  NOT NULL, -- links of the segment, by their ids
  last   bigint  NOT NULL,
  hits   bytea   NOT NULL, -- audit.Filing
  PRIMARY KEY (bucket, first)
);
