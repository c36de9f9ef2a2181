-- Outside a transaction.
-- All of this goes on while others write, and may be done again after it was
-- broken off.
DROP INDEX IF EXISTS route_mailbox;
CREATE INDEX CONCURRENTLY route_mailbox ON route (hash, code, mailbox, id) WHERE NOT classed;
DROP INDEX IF EXISTS route_earlier;
CREATE INDEX CONCURRENTLY route_earlier ON route (hash, code, id) WHERE mailbox = 0;
