-- The elements contact in XML, '' for the owner's alone; in older rows the ODS
-- codes of the contacts after the first, with blanks between.
ALTER TABLE subscription ADD COLUMN contacts TEXT NOT NULL DEFAULT '';
