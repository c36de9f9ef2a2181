-- How the data of a piece is packed (store.Codec).
ALTER TABLE piece ADD COLUMN codec INTEGER NOT NULL DEFAULT 0;
