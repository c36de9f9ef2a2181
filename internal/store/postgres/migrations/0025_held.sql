-- +goose Up

-- What the consumers of queues hold: a message of an inbox that nobody else is given
-- before the moment until, in microseconds of the clock of leases. takes counts how
-- often it was given, 0 while it is only delayed; first is when it was given first.
CREATE TABLE held (
  mailbox  bigint NOT NULL,
  position bigint NOT NULL,
  until    bigint NOT NULL,
  takes    integer NOT NULL,
  first    bigint NOT NULL,
  PRIMARY KEY (mailbox, position)
);
