-- When a subscription became active, as a position that the writer takes within
-- the commit: which ones a deferred event may see.
ALTER TABLE route ADD COLUMN since INTEGER NOT NULL DEFAULT 0;

-- Events that were accepted while the patient directory was away. They see the
-- subscriptions up to since. With a refusal they cannot be routed.
CREATE TABLE pending (
  event   INTEGER PRIMARY KEY,
  since   INTEGER NOT NULL,
  refusal TEXT
);
CREATE INDEX pending_waiting ON pending (event) WHERE refusal IS NULL;
