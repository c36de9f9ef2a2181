-- Whose record says whether the event may flow, as a number; -1: nobody's;
-- NULL: a version before this column accepted it.
ALTER TABLE event ADD COLUMN patient bigint;
