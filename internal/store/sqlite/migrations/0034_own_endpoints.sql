-- Endpoints that subscriptions bring along go when nothing needs them any more. owner is
-- the organisation whose subscription brought one, '' for those that operators registered;
-- NULL is filled in by housekeeping. held is the address that an operator has switched
-- off; idle is since when nothing has needed the endpoint.
ALTER TABLE endpoint ADD COLUMN owner TEXT;
ALTER TABLE endpoint ADD COLUMN held TEXT;
ALTER TABLE endpoint ADD COLUMN idle INTEGER;
CREATE INDEX endpoint_owner ON endpoint (owner);
CREATE INDEX endpoint_held ON endpoint (mailbox) WHERE held IS NOT NULL;
CREATE INDEX endpoint_idle ON endpoint (idle) WHERE idle IS NOT NULL;

-- Whether a subscription names an endpoint.
CREATE INDEX subscription_mailbox ON subscription (mailbox);

-- No row of a mailbox is given twice: what was delivered to the one before it is not the
-- next one's.
CREATE TABLE mailbox_number (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  last INTEGER NOT NULL
);
INSERT INTO mailbox_number VALUES (1, 0);
CREATE TRIGGER mailbox_gone AFTER DELETE ON mailbox BEGIN
  UPDATE mailbox_number SET last = max(last, old.row);
END;
