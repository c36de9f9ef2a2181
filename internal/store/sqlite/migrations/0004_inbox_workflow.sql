-- The workflow id of a message that was sent, so that listing an inbox reads
-- its index alone; NULL for copies of events, whose type names it.
ALTER TABLE inbox ADD COLUMN workflow TEXT;
UPDATE inbox SET workflow = (
  SELECT json_extract(CAST(m.headers AS TEXT), '$.Workflow') FROM message m WHERE m.position = inbox.position
) WHERE type = 0;
