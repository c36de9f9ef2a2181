-- The secret that seals the links of search pages, so that every node reads the
-- links of the others. Two random UUIDs are 32 bytes, 244 bits of them chance.
ALTER TABLE version ADD COLUMN search_key bytea NOT NULL
  DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
