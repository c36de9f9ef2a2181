-- Events that change patients' records, in the order of their commits, for the
-- directories that learn from them. Numbers are never used again.
CREATE TABLE patient_change (
  n     INTEGER PRIMARY KEY AUTOINCREMENT,
  event INTEGER NOT NULL
);
