-- What is in no segment yet has a number as long as those of segments: its row stays where it is when it comes into one.
DROP INDEX search_text_waiting;
UPDATE search_text SET segment = -1000 WHERE segment = 0;
CREATE INDEX search_text_waiting ON search_text (part, account, mail, octets) WHERE segment = -1000;
