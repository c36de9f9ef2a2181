-- Outside a transaction.
-- All of this goes on while others write, and may be done again after it was
-- broken off.

-- What searches find subscriptions by: store.Class of mailbox and event codes. 0:
-- not worked out yet; housekeeping does so for those that were here before, and
-- for those that nodes of an earlier version create meanwhile.
ALTER TABLE subscription ADD COLUMN IF NOT EXISTS class bigint NOT NULL DEFAULT 0;
DROP INDEX IF EXISTS subscription_class;
CREATE INDEX CONCURRENTLY subscription_class ON subscription (ods, class, status, id);
DROP INDEX IF EXISTS subscription_unclassed;
CREATE INDEX CONCURRENTLY subscription_unclassed ON subscription (id) WHERE class = 0;
-- Those that have ended and are not off yet.
DROP INDEX IF EXISTS subscription_due;
CREATE INDEX CONCURRENTLY subscription_due ON subscription (ends) WHERE ends IS NOT NULL AND status <> 3;
