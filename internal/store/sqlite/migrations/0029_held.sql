-- What the consumers of queues hold: a message of an inbox that nobody else is given
-- before the moment until, in microseconds of the clock of leases. takes counts how
-- often it was given, 0 while it is only delayed; first is when it was given first.
CREATE TABLE held (
  mailbox  INTEGER NOT NULL,
  position INTEGER NOT NULL,
  until    INTEGER NOT NULL,
  takes    INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  PRIMARY KEY (mailbox, position)
) WITHOUT ROWID;
