-- Outside a transaction.
-- Messages that were collected or given up, and whose bodies are still there.
DROP INDEX IF EXISTS message_done;
CREATE INDEX CONCURRENTLY message_done ON message (position) WHERE size > 0 AND status NOT IN ('uploading', 'accepted');
