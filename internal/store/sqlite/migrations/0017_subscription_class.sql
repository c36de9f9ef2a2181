-- What searches find subscriptions by: store.Class of mailbox and event codes. 0:
-- not worked out yet; housekeeping does so for those that were here before.
ALTER TABLE subscription ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
CREATE INDEX subscription_class ON subscription (ods, class, status, id);
CREATE INDEX subscription_unclassed ON subscription (id) WHERE class = 0;
-- Those that have ended and are not off yet.
CREATE INDEX subscription_due ON subscription (ends) WHERE ends IS NOT NULL AND status <> 3;
