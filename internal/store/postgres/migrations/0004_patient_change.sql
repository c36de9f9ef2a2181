-- Events that change patients' records, for the directories of the nodes, which
-- learn from them. since is the transaction that accepted the event: a reader
-- that goes on from the oldest that is still running misses none.
CREATE TABLE patient_change (
  event bigint PRIMARY KEY,
  since xid8   NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX patient_change_since ON patient_change (since);
