-- How many events there are, so that nobody counts them: n up to a position, and
-- those behind it, which are few. The writer carries n on once in a while.
CREATE TABLE event_count (
  n        INTEGER NOT NULL,
  position INTEGER NOT NULL -- store.EventID
);
INSERT INTO event_count SELECT count(*), ifnull(max(id), 0) FROM event;
