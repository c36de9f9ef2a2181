-- Numbers of enumerations are those of the Go types and never change. Moments
-- are microseconds since 1970, unless they are event ids (store.EventID), which
-- carry their moment in the upper bits: what is partitioned is partitioned on
-- them, a partition a day. The default partitions hold what outlived its day.

-- Event codes with their workflow ids, so that rows hold a small number. The
-- numbers are hashes: after a failover that lost a row, nothing else gets its.
CREATE TABLE event_type (
  id       integer PRIMARY KEY,
  code     text NOT NULL,
  workflow text NOT NULL,
  UNIQUE (code, workflow)
);

CREATE TABLE event_code (
  id   integer PRIMARY KEY,
  code text NOT NULL UNIQUE
);

-- Bodies are packed already and lie in their rows up to a page: neither
-- PostgreSQL's compression nor TOAST is asked (see partitions.go).
CREATE TABLE event (
  id         bigint   PRIMARY KEY,
  type       integer  NOT NULL,
  kind       text     NOT NULL,
  message_id text     NOT NULL,
  publisher  text     NOT NULL,
  withheld   boolean  NOT NULL,
  warnings   bytea,
  copies     integer  NOT NULL,
  codec      smallint NOT NULL,
  size       integer  NOT NULL,
  sha256     bytea    NOT NULL,
  body       bytea    -- NULL: in event_piece
) PARTITION BY RANGE (id);
ALTER TABLE event ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE event_default PARTITION OF event DEFAULT WITH (toast_tuple_target = 8160);

-- Bodies of more than 256 KiB, in order.
CREATE TABLE event_piece (
  event bigint  NOT NULL,
  n     integer NOT NULL,
  data  bytea   NOT NULL,
  PRIMARY KEY (event, n)
) PARTITION BY RANGE (event);
ALTER TABLE event_piece ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE event_piece_default PARTITION OF event_piece DEFAULT;

-- Events with many copies whose copies are still to be filed in inboxes: the
-- row is the durable delivery. next is the byte of copies at which to go on.
CREATE TABLE fanout (
  event  bigint  PRIMARY KEY,
  next   integer NOT NULL,
  copies bytea   NOT NULL
);
ALTER TABLE fanout ALTER COLUMN copies SET STORAGE EXTERNAL;

-- Events that were accepted while the patient directory was away. They see the
-- subscriptions that the snapshot saw. With a refusal they cannot be routed.
CREATE TABLE pending (
  event    bigint PRIMARY KEY,
  snapshot pg_snapshot NOT NULL,
  refusal  text
);

CREATE TABLE mailbox (
  row      bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id       text    NOT NULL,
  name     text    NOT NULL,
  ods      text    NOT NULL,
  password text    NOT NULL,
  remote   boolean NOT NULL,
  since    xid8    NOT NULL DEFAULT pg_current_xact_id() -- who changed it last
);
CREATE UNIQUE INDEX mailbox_id ON mailbox (upper(id));
CREATE INDEX mailbox_remote ON mailbox (row) WHERE remote;

CREATE TABLE workflow (
  id        text PRIMARY KEY,
  senders   text[] NOT NULL, -- mailbox ids
  receivers text[] NOT NULL
);

-- What waits in a mailbox: the copy of an event (type, of event_type) or a
-- message that somebody sent (type 0, of message). For a mailbox of a remote
-- MESH the same rows wait for the courier. Not partitioned: its rows live short,
-- and what nobody collects must outlive its day.
CREATE TABLE inbox (
  mailbox  bigint  NOT NULL,
  position bigint  NOT NULL,
  type     integer NOT NULL,
  size     bigint  NOT NULL,
  asked    bytea,  -- ids of the subscriptions, 16 bytes each
  partner  text,
  workflow text,   -- of a message that somebody sent
  PRIMARY KEY (mailbox, position)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX inbox_position ON inbox (position);

-- What left an inbox, until retention removes it: acknowledged, or given up.
CREATE TABLE collected (
  mailbox  bigint  NOT NULL,
  position bigint  NOT NULL,
  type     integer NOT NULL,
  size     bigint  NOT NULL,
  asked    bytea,
  partner  text,
  status   text    NOT NULL, -- store.MessageStatus or store.DeliveryState
  at       bigint  NOT NULL,
  fault    bytea,            -- why a copy was given up, as JSON
  PRIMARY KEY (mailbox, position)
) PARTITION BY RANGE (position);
CREATE INDEX collected_parked ON collected (mailbox, position) WHERE status = 'parked';
CREATE TABLE collected_default PARTITION OF collected DEFAULT;

-- What the courier knows of a copy beyond its row in inbox or collected; there
-- is none before the first attempt.
CREATE TABLE delivery (
  mailbox   bigint  NOT NULL,
  position  bigint  NOT NULL,
  attempts  integer NOT NULL DEFAULT 0,
  refusals  integer NOT NULL DEFAULT 0,
  first     bigint,           -- moment of the first attempt
  uncertain boolean NOT NULL DEFAULT false,
  round     integer NOT NULL DEFAULT 0, -- how often an operator had it sent anew
  mesh_id   text,
  fault     bytea,            -- the last error, as in collected
  PRIMARY KEY (mailbox, position)
) PARTITION BY RANGE (position);
CREATE INDEX delivery_mesh_id ON delivery (mesh_id) WHERE mesh_id IS NOT NULL;
CREATE TABLE delivery_default PARTITION OF delivery DEFAULT;

-- The remote mailboxes that couriers have been busy with: who is (owner '':
-- nobody), until when, and before when nobody need try again. Accepting an event
-- touches no row here.
CREATE TABLE lane (
  mailbox      bigint  PRIMARY KEY,
  owner        text    NOT NULL DEFAULT '',
  generation   bigint  NOT NULL DEFAULT 0,
  expires      bigint  NOT NULL DEFAULT 0,
  next_attempt bigint  NOT NULL DEFAULT 0,
  failures     integer NOT NULL DEFAULT 0
);

-- Messages that mailboxes send to each other, and reports. They stand here in
-- whatever state, and in inbox or collected once they are complete.
CREATE TABLE message (
  position  bigint PRIMARY KEY,
  mailbox   bigint NOT NULL, -- recipient
  sender    text   NOT NULL,
  local_id  text   NOT NULL,
  status    text   NOT NULL,
  status_at bigint NOT NULL,
  expires   bigint,
  headers   bytea  NOT NULL  -- the rest of store.Message, as JSON
);
CREATE INDEX message_sender ON message (upper(sender), position);
CREATE INDEX message_local_id ON message (upper(sender), local_id) WHERE local_id <> '';
CREATE INDEX message_uploading ON message (position) WHERE status = 'uploading';
CREATE INDEX message_expires ON message (expires) WHERE status = 'accepted';
CREATE INDEX message_mailbox ON message (mailbox, position);

-- Chunks of messages in pieces of at most 256 KiB. A chunk that is put again
-- gets the next generation; its end names the one that counts.
CREATE TABLE piece (
  position   bigint  NOT NULL,
  chunk      integer NOT NULL,
  generation bigint  NOT NULL,
  n          integer NOT NULL,
  data       bytea   NOT NULL,
  PRIMARY KEY (position, chunk, generation, n)
);
ALTER TABLE piece ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE TABLE chunk (
  position   bigint  NOT NULL,
  chunk      integer NOT NULL,
  generation bigint  NOT NULL,
  pieces     integer NOT NULL,
  size       bigint  NOT NULL,
  PRIMARY KEY (position, chunk)
);

-- Chunks that were put on their own, by generation, which carries the moment:
-- where to look, after a day, for pieces that nothing needs.
CREATE TABLE upload (
  generation bigint  PRIMARY KEY,
  position   bigint  NOT NULL,
  chunk      integer NOT NULL
);

CREATE TABLE idempotency (
  digest bytea   PRIMARY KEY, -- of ASID and key
  event  bigint  NOT NULL,    -- carries the moment
  sha256 bytea   NOT NULL,
  copies integer NOT NULL DEFAULT 0 -- only for nodes of an earlier build beside this one: event has it
);
CREATE INDEX idempotency_event ON idempotency (event);

CREATE TABLE subscription (
  id       bytea    PRIMARY KEY,
  asid     text     NOT NULL,
  ods      text     NOT NULL,
  mailbox  bigint   NOT NULL,
  endpoint text     NOT NULL, -- the mailbox as the subscriber wrote it
  criteria text     NOT NULL,
  hash     bigint   NOT NULL, -- of the route key
  same     bigint,            -- of what makes it a duplicate; NULL once it has ended
  status   smallint NOT NULL, -- 1 requested, 2 active, 3 off
  ends     bigint,            -- NULL: perpetual
  reason   text     NOT NULL,
  created  bigint   NOT NULL,
  version  integer  NOT NULL,
  contacts text     NOT NULL  -- in XML, '' for the owner's alone; before: ODS codes of those after the first
);
-- Finds duplicates by both, the subscriptions to a patient by the first. Of
-- equal ones that are created on two nodes at once, one is refused.
CREATE UNIQUE INDEX subscription_same ON subscription (hash, same);
CREATE INDEX subscription_owner ON subscription (ods, id);
CREATE INDEX subscription_ends ON subscription (ends) WHERE ends IS NOT NULL;

-- Under what an event finds its subscriptions. candidate is everything that
-- subscription.Match needs, packed; since is the transaction that made it
-- active, for events that are routed as of an earlier moment.
CREATE TABLE route (
  hash      bigint  NOT NULL,
  code      integer NOT NULL, -- event_code
  id        bytea   NOT NULL,
  candidate bytea   NOT NULL,
  since     xid8    NOT NULL DEFAULT pg_current_xact_id(),
  PRIMARY KEY (hash, code, id)
);
CREATE INDEX route_id ON route (id);

-- Subscriptions that cannot be read any more.
CREATE TABLE quarantine (
  id     bytea  PRIMARY KEY,
  at     bigint NOT NULL,
  reason text   NOT NULL
);

CREATE TABLE system (
  asid    text    PRIMARY KEY,
  value   bytea   NOT NULL,
  revoked boolean NOT NULL
);

CREATE TABLE life_cycle (
  code  text  PRIMARY KEY,
  value bytea NOT NULL
);

-- registry grows by one with each change of a system or life cycle, boxes with
-- each change of a mailbox or workflow, so that nodes know when to read again.
CREATE TABLE version (
  single   boolean PRIMARY KEY DEFAULT true CHECK (single),
  registry bigint  NOT NULL DEFAULT 0,
  boxes    bigint  NOT NULL DEFAULT 0
);
INSERT INTO version DEFAULT VALUES;

-- The audit: one row is one link of a chain; each committer of each start of a
-- node has a chain of its own. xid lets a reader see one state of all chains.
CREATE TABLE audit_link (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  chain   bigint NOT NULL,
  seq     bigint NOT NULL,
  at      bigint NOT NULL,
  heads   bytea,
  hash    bytea  NOT NULL,
  entries bytea  NOT NULL,
  xid     xid8   NOT NULL DEFAULT pg_current_xact_id(),
  UNIQUE (chain, seq)
);
CREATE INDEX audit_link_at ON audit_link USING brin (at);

-- The ends of the chains, and up to where another chain has bound each.
CREATE TABLE audit_chain (
  chain bigint PRIMARY KEY,
  seq   bigint NOT NULL,
  hash  bytea  NOT NULL,
  bound bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Digests of MESH tokens that were used.
CREATE TABLE nonce (
  digest bytea  PRIMARY KEY,
  at     bigint NOT NULL
);
CREATE INDEX nonce_at ON nonce USING brin (at);

-- Numbers of nodes: the lower bits of positions, so that no two nodes hand out
-- the same.
CREATE TABLE node (
  number  integer PRIMARY KEY,
  owner   text    NOT NULL,
  expires timestamptz NOT NULL
);

-- Who does a task that one of all nodes does at a time.
CREATE TABLE leader (
  task    text PRIMARY KEY,
  owner   text NOT NULL,
  expires timestamptz NOT NULL
);
