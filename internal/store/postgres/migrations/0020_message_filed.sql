-- Which events have which MessageHeader.id: an index that housekeeping makes behind
-- accepting, a segment of some thousand events at a time. A row is the part of a
-- segment that one of 64 buckets of ids has. Events behind the last segment are looked
-- through.
CREATE TABLE message_filed (
  bucket integer NOT NULL,
  first  bigint  NOT NULL, -- events of the segment, by their ids
  last   bigint  NOT NULL,
  hits   bytea   NOT NULL, -- hashes with events
  PRIMARY KEY (bucket, first)
);
