-- How much happened in each minute, hour and day: housekeeping counts the minutes,
-- and adds to the other rows by how much a minute's row has changed.
CREATE TABLE count_bar (
  per       smallint NOT NULL, -- store.CountUnit
  at        bigint   NOT NULL, -- its beginning
  published bigint   NOT NULL,
  refused   bigint   NOT NULL,
  matched   bigint   NOT NULL,
  copies    bigint   NOT NULL,
  collected bigint   NOT NULL,
  waiting   bigint   NOT NULL, -- of a minute: events that waited for the patient directory when it was counted
  counted   bigint   NOT NULL, -- of a minute: when it was counted
  PRIMARY KEY (per, at)
);
CREATE INDEX count_waiting ON count_bar (at) WHERE waiting > 0;

-- What was collected when: rows lie in the order of these moments, so a summary of
-- some pages each is enough. It costs collecting next to nothing, and accepting
-- nothing.
CREATE INDEX collected_at ON collected USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX refusal_at ON refusal (at);
