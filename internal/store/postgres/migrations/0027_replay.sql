-- +goose Up

-- Replays: copies that a subscription had are given to their mailbox, or to another
-- of the same owner, again. id is a position. What is to be replayed lies in
-- [first, mark]; up to cursor it has been looked at. ended is NULL for one that
-- is not over. owner, generation and expires are the claim of the node that is busy
-- with it.
CREATE TABLE replay (
  id           bigint PRIMARY KEY,
  subscription bytea   NOT NULL,
  ods          text    NOT NULL,
  source       bigint  NOT NULL, -- mailbox that had the copies
  target       bigint  NOT NULL, -- mailbox that gets them
  first        bigint  NOT NULL,
  mark         bigint  NOT NULL,
  cursor       bigint  NOT NULL,
  mode         text    NOT NULL,
  state        text    NOT NULL,
  rate         bigint  NOT NULL, -- copies a second
  earlier      boolean NOT NULL, -- events before the subscription's start, too
  total        bigint  NOT NULL,
  sent         bigint  NOT NULL,
  withheld     bigint  NOT NULL,
  expired      bigint  NOT NULL,
  passed       bigint  NOT NULL,
  basis        text    NOT NULL,
  who          text    NOT NULL,
  began        bigint  NOT NULL,
  ended        bigint,
  reason       text    NOT NULL, -- why it failed
  owner        text    NOT NULL DEFAULT '',
  generation   bigint  NOT NULL DEFAULT 0,
  expires      bigint  NOT NULL DEFAULT 0
);
CREATE INDEX replay_subscription ON replay (subscription, id);
CREATE INDEX replay_open ON replay (id) WHERE ended IS NULL;
CREATE INDEX replay_ended ON replay (ended) WHERE ended IS NOT NULL;

-- The replay that gave a copy to its mailbox again, the last one.
ALTER TABLE delivery ADD COLUMN replay bigint;
