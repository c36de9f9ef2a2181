-- Requests that were refused, for a while: so that their senders can be told why.
CREATE TABLE refusal (
  n           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          bigint  NOT NULL,
  action      text    NOT NULL,
  asid        text    NOT NULL,
  ods         text    NOT NULL,
  certificate text    NOT NULL,
  status      integer NOT NULL,
  code        text    NOT NULL,
  event_type  text    NOT NULL,
  message_id  text    NOT NULL,
  reason      text    NOT NULL
);
CREATE INDEX refusal_asid ON refusal (asid, n);
CREATE INDEX refusal_message ON refusal (message_id) WHERE message_id <> '';
