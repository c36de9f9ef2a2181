-- How a piece is packed (store.Codec); 0, as it was sent, is what nodes of
-- earlier versions write and read.
ALTER TABLE piece ADD COLUMN codec smallint NOT NULL DEFAULT 0;
