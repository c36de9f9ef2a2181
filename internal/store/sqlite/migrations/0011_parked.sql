-- What waits for an operator, to be counted without reading all that was
-- collected.
CREATE INDEX collected_parked ON collected (mailbox) WHERE status = 'parked';
