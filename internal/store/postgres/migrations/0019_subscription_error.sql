-- Why an operator rejected or ended a subscription, for its owner to read, and
-- whether it never was active.
ALTER TABLE subscription
  ADD COLUMN error text NOT NULL DEFAULT '',
  ADD COLUMN rejected boolean NOT NULL DEFAULT false;
