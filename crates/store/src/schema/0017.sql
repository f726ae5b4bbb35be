-- How the grams of a segment are told apart: 1 where those of heads and of bodies are. Others rule nothing out, and are made anew.
ALTER TABLE search_segment ADD COLUMN form BIGINT NOT NULL DEFAULT 0;
-- What is asked for every second, as something that is equal to 1: otherwise SQLite looks in the table itself, partition by partition.
DROP INDEX search_segment_thin;
CREATE INDEX search_segment_stale ON search_segment ((CASE WHEN messages * 2 < built OR form < 1 THEN 1 ELSE 0 END), part)
    WHERE CASE WHEN messages * 2 < built OR form < 1 THEN 1 ELSE 0 END = 1;
DROP INDEX mailbox_behind;
CREATE INDEX mailbox_behind ON mailbox ((CASE WHEN indexed_uid + 1 < uidnext AND name IS NOT NULL THEN 1 ELSE 0 END), part)
    WHERE CASE WHEN indexed_uid + 1 < uidnext AND name IS NOT NULL THEN 1 ELSE 0 END = 1;
