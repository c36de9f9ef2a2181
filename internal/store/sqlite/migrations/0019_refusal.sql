-- Requests that were refused, for a while: so that their senders can be told why.
CREATE TABLE refusal (
  n           INTEGER PRIMARY KEY AUTOINCREMENT,
  at          INTEGER NOT NULL,
  action      TEXT    NOT NULL,
  asid        TEXT    NOT NULL,
  ods         TEXT    NOT NULL,
  certificate TEXT    NOT NULL,
  status      INTEGER NOT NULL,
  code        TEXT    NOT NULL,
  event_type  TEXT    NOT NULL,
  message_id  TEXT    NOT NULL,
  reason      TEXT    NOT NULL
);
CREATE INDEX refusal_asid ON refusal (asid, n);
CREATE INDEX refusal_message ON refusal (message_id) WHERE message_id <> '';
