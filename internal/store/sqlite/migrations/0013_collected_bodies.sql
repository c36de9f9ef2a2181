-- Messages that were collected or given up, and whose bodies are still there.
CREATE INDEX message_done ON message (position) WHERE size > 0 AND status NOT IN ('uploading', 'accepted');
