-- Why an operator rejected or ended a subscription, for its owner to read.
ALTER TABLE subscription ADD COLUMN error TEXT NOT NULL DEFAULT '';
-- It never was active.
ALTER TABLE subscription ADD COLUMN rejected INTEGER NOT NULL DEFAULT 0;
