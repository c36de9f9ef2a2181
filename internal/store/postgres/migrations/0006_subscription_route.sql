-- Outside a transaction.
-- All of this goes on while others write, and may be done again after it was
-- broken off. What nodes of an earlier version create meanwhile is found by the
-- next recount.
INSERT INTO quota_use SELECT quota, owner, 0, used FROM quota_due WHERE quota IN (1, 2) ON CONFLICT DO NOTHING;

-- Counts the subscriptions under one route key for one mailbox.
DROP INDEX IF EXISTS subscription_route;
CREATE INDEX CONCURRENTLY subscription_route ON subscription (hash, mailbox) WHERE status <> 3;
