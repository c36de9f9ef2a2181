-- Outside a transaction.
-- All of this goes on while others write, and may be done again after it was
-- broken off.

-- Endpoints that subscriptions bring along go when nothing needs them any more. owner is
-- the organisation whose subscription brought one, '' for those that operators registered;
-- NULL is filled in by housekeeping, also for those that nodes of an earlier version
-- create meanwhile. held is the address that an operator has switched off; idle is since
-- when nothing has needed the endpoint.
ALTER TABLE endpoint ADD COLUMN IF NOT EXISTS owner text, ADD COLUMN IF NOT EXISTS held text, ADD COLUMN IF NOT EXISTS idle bigint;
DROP INDEX IF EXISTS endpoint_owner;
CREATE INDEX CONCURRENTLY endpoint_owner ON endpoint (owner);
DROP INDEX IF EXISTS endpoint_held;
CREATE INDEX CONCURRENTLY endpoint_held ON endpoint (mailbox) WHERE held IS NOT NULL;
DROP INDEX IF EXISTS endpoint_idle;
CREATE INDEX CONCURRENTLY endpoint_idle ON endpoint (idle) WHERE idle IS NOT NULL;

-- Whether a subscription names an endpoint.
DROP INDEX IF EXISTS subscription_mailbox;
CREATE INDEX CONCURRENTLY subscription_mailbox ON subscription (mailbox);

-- Grows by one with each removal of mailboxes, so that nodes know when to read all again.
ALTER TABLE version ADD COLUMN IF NOT EXISTS removed bigint NOT NULL DEFAULT 0;
