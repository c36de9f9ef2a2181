-- What owners have of what quotas limit, kept by the triggers below in the
-- transaction of each change. Copies of events are not counted: publishing
-- touches no row here.
CREATE TABLE quota_use (
  quota INTEGER NOT NULL, -- store.Quota: 1 subscriptions of a system, 2 of an organisation, 4 messages of a mailbox, 5 their bytes
  owner TEXT    NOT NULL, -- an ASID, an ODS code, the row of a mailbox
  used  INTEGER NOT NULL,
  PRIMARY KEY (quota, owner)
) WITHOUT ROWID;

-- Finds the subscriptions under one route key for one mailbox, too.
DROP INDEX subscription_hash;
CREATE INDEX subscription_hash ON subscription (hash, mailbox, same);

-- The bytes of a message that was sent, or of the first chunk that came with it.
-- Chunks that were put on their own count in upload until the message is complete.
ALTER TABLE message ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE upload ADD COLUMN mailbox INTEGER NOT NULL DEFAULT 0; -- recipient
ALTER TABLE upload ADD COLUMN size INTEGER NOT NULL DEFAULT 0;    -- so far
CREATE INDEX upload_position ON upload (position);

UPDATE message SET size = i.size FROM inbox i WHERE i.mailbox = message.mailbox AND i.position = message.position AND message.status = 'accepted';
UPDATE upload SET mailbox = m.mailbox, size = c.size FROM message m JOIN chunk c ON c.position = m.position
  WHERE m.position = upload.position AND m.status = 'uploading' AND c.generation = upload.generation;

INSERT INTO quota_use SELECT 1, asid, count(*) FROM subscription WHERE status <> 3 GROUP BY asid;
INSERT INTO quota_use SELECT 2, ods, count(*) FROM subscription WHERE status <> 3 GROUP BY ods;
INSERT INTO quota_use SELECT 4, CAST(mailbox AS TEXT), count(*) FROM message WHERE status IN ('uploading', 'accepted') GROUP BY mailbox;
INSERT INTO quota_use SELECT 5, CAST(mailbox AS TEXT), sum(size) FROM (
  SELECT mailbox, size FROM message WHERE status IN ('uploading', 'accepted') UNION ALL SELECT mailbox, size FROM upload) GROUP BY mailbox;

CREATE TRIGGER subscription_made AFTER INSERT ON subscription WHEN new.status <> 3 BEGIN
  INSERT INTO quota_use VALUES (1, new.asid, 1), (2, new.ods, 1) ON CONFLICT (quota, owner) DO UPDATE SET used = used + 1;
END;
CREATE TRIGGER subscription_ended AFTER UPDATE OF status ON subscription WHEN old.status <> 3 AND new.status = 3 BEGIN
  UPDATE quota_use SET used = used - 1 WHERE quota = 1 AND owner = old.asid;
  UPDATE quota_use SET used = used - 1 WHERE quota = 2 AND owner = old.ods;
END;
CREATE TRIGGER subscription_deleted AFTER DELETE ON subscription WHEN old.status <> 3 BEGIN
  UPDATE quota_use SET used = used - 1 WHERE quota = 1 AND owner = old.asid;
  UPDATE quota_use SET used = used - 1 WHERE quota = 2 AND owner = old.ods;
END;

CREATE TRIGGER message_sent AFTER INSERT ON message WHEN new.status IN ('uploading', 'accepted') BEGIN
  INSERT INTO quota_use VALUES (4, CAST(new.mailbox AS TEXT), 1), (5, CAST(new.mailbox AS TEXT), new.size)
    ON CONFLICT (quota, owner) DO UPDATE SET used = used + excluded.used;
END;
CREATE TRIGGER message_changed AFTER UPDATE OF status, size ON message BEGIN
  INSERT INTO quota_use
    SELECT 4, CAST(new.mailbox AS TEXT), (new.status IN ('uploading', 'accepted')) - (old.status IN ('uploading', 'accepted'))
    UNION ALL SELECT 5, CAST(new.mailbox AS TEXT), new.size * (new.status IN ('uploading', 'accepted')) - old.size * (old.status IN ('uploading', 'accepted'))
    WHERE true ON CONFLICT (quota, owner) DO UPDATE SET used = used + excluded.used;
END;
CREATE TRIGGER message_deleted AFTER DELETE ON message WHEN old.status IN ('uploading', 'accepted') BEGIN
  UPDATE quota_use SET used = used - 1 WHERE quota = 4 AND owner = CAST(old.mailbox AS TEXT);
  UPDATE quota_use SET used = used - old.size WHERE quota = 5 AND owner = CAST(old.mailbox AS TEXT);
END;

CREATE TRIGGER upload_begun AFTER INSERT ON upload BEGIN
  INSERT INTO quota_use VALUES (5, CAST(new.mailbox AS TEXT), new.size) ON CONFLICT (quota, owner) DO UPDATE SET used = used + excluded.used;
END;
CREATE TRIGGER upload_grown AFTER UPDATE OF size ON upload BEGIN
  UPDATE quota_use SET used = used + new.size - old.size WHERE quota = 5 AND owner = CAST(new.mailbox AS TEXT);
END;
CREATE TRIGGER upload_ended AFTER DELETE ON upload BEGIN
  UPDATE quota_use SET used = used - old.size WHERE quota = 5 AND owner = CAST(old.mailbox AS TEXT);
END;
