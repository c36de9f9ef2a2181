-- What an event was matched by (store.PackFacts), so that it can be explained. NULL:
-- it waits for the patient directory, or a version before this column accepted it.
ALTER TABLE event ADD COLUMN facts bytea;
