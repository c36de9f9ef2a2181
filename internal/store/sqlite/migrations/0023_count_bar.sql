-- How much happened in each minute, hour and day: housekeeping counts the minutes,
-- and adds to the other rows by how much a minute's row has changed.
CREATE TABLE count_bar (
  per       INTEGER NOT NULL, -- store.CountUnit
  at        INTEGER NOT NULL, -- its beginning
  published INTEGER NOT NULL,
  refused   INTEGER NOT NULL,
  matched   INTEGER NOT NULL,
  copies    INTEGER NOT NULL,
  collected INTEGER NOT NULL,
  waiting   INTEGER NOT NULL, -- of a minute: events that waited for the patient directory when it was counted
  counted   INTEGER NOT NULL, -- of a minute: when it was counted
  PRIMARY KEY (per, at)
) WITHOUT ROWID;
CREATE INDEX count_waiting ON count_bar (at) WHERE waiting > 0;

-- What was collected when. A row comes at the end of the index, and accepting
-- writes none.
CREATE INDEX collected_at ON collected (at) WHERE type <> 0 AND status IN ('acknowledged', 'sent');
CREATE INDEX refusal_at ON refusal (at);
