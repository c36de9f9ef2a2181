-- What owners have of what quotas limit, kept in the transaction of each change:
-- messages by the triggers below, subscriptions by the nodes, once a commit.
-- Copies of events are not counted: publishing touches no row here. A use is the
-- sum over the slots of its owner. Each connection counts in its own, so that
-- nobody waits for another; housekeeping adds those of ended ones to slot 0.
CREATE TABLE quota_use (
  quota smallint NOT NULL, -- store.Quota: 1 subscriptions of a system, 2 of an organisation, 4 messages of a mailbox, 5 their bytes
  owner text     NOT NULL, -- an ASID, an ODS code, the row of a mailbox
  slot  integer  NOT NULL,
  used  bigint   NOT NULL,
  PRIMARY KEY (quota, owner, slot)
) WITH (fillfactor = 50);

-- The bytes of a message that was sent, or of the first chunk that came with it.
-- Chunks that were put on their own count in upload until the message is complete.
ALTER TABLE message ADD COLUMN size bigint NOT NULL DEFAULT 0;
ALTER TABLE upload ADD COLUMN mailbox bigint NOT NULL DEFAULT 0; -- recipient
ALTER TABLE upload ADD COLUMN size bigint NOT NULL DEFAULT 0;    -- so far
CREATE INDEX upload_position ON upload (position);

UPDATE message m SET size = i.size FROM inbox i WHERE i.mailbox = m.mailbox AND i.position = m.position AND m.status = 'accepted';
UPDATE upload u SET mailbox = m.mailbox, size = c.size FROM message m JOIN chunk c ON c.position = m.position
  WHERE m.position = u.position AND m.status = 'uploading' AND c.generation = u.generation;

-- What the counters should be.
CREATE VIEW quota_due AS
  SELECT 1::smallint AS quota, asid AS owner, count(*) AS used FROM subscription WHERE status <> 3 GROUP BY asid
  UNION ALL SELECT 2::smallint, ods, count(*) FROM subscription WHERE status <> 3 GROUP BY ods
  UNION ALL SELECT 4::smallint, mailbox::text, count(*) FROM message WHERE status IN ('uploading', 'accepted') GROUP BY mailbox
  UNION ALL SELECT 5::smallint, mailbox::text, sum(size)::bigint FROM (
    SELECT mailbox, size FROM message WHERE status IN ('uploading', 'accepted') UNION ALL SELECT mailbox, size FROM upload) held GROUP BY mailbox;

CREATE FUNCTION count_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO quota_use AS u SELECT q.quota, m.mailbox::text, pg_backend_pid(), sum(q.more)
      FROM made m, LATERAL (VALUES (4::smallint, 1::bigint), (5::smallint, m.size)) q(quota, more)
      WHERE m.status IN ('uploading', 'accepted') GROUP BY 1, 2 ORDER BY 1, 2
      ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO quota_use AS u SELECT q.quota, m.mailbox::text, pg_backend_pid(), sum(q.more)
      FROM was m, LATERAL (VALUES (4::smallint, -1::bigint), (5::smallint, -m.size)) q(quota, more)
      WHERE m.status IN ('uploading', 'accepted') GROUP BY 1, 2 ORDER BY 1, 2
      ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used;
  ELSE
    INSERT INTO quota_use AS u SELECT q.quota, m.mailbox::text, pg_backend_pid(), sum(q.more * m.sign)
      FROM (SELECT mailbox, size, status, 1 AS sign FROM made UNION ALL SELECT mailbox, size, status, -1 FROM was) m,
        LATERAL (VALUES (4::smallint, 1::bigint), (5::smallint, m.size)) q(quota, more)
      WHERE m.status IN ('uploading', 'accepted') GROUP BY 1, 2 HAVING sum(q.more * m.sign) <> 0 ORDER BY 1, 2
      ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER message_sent AFTER INSERT ON message REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_messages();
CREATE TRIGGER message_changed AFTER UPDATE ON message REFERENCING OLD TABLE AS was NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION count_messages();
CREATE TRIGGER message_deleted AFTER DELETE ON message REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION count_messages();

CREATE FUNCTION count_upload() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  box  bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.mailbox ELSE NEW.mailbox END;
  more bigint := CASE TG_OP WHEN 'INSERT' THEN NEW.size WHEN 'DELETE' THEN -OLD.size ELSE NEW.size - OLD.size END;
BEGIN
  IF more <> 0 THEN
    INSERT INTO quota_use AS u VALUES (5, box::text, pg_backend_pid(), more)
      ON CONFLICT (quota, owner, slot) DO UPDATE SET used = u.used + excluded.used;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER upload_changed AFTER INSERT OR UPDATE OR DELETE ON upload FOR EACH ROW EXECUTE FUNCTION count_upload();

INSERT INTO quota_use SELECT quota, owner, 0, used FROM quota_due WHERE quota IN (4, 5);
