-- The first UID of a mailbox that no session was told of: from there on messages have \Recent. Those that are here were told.
ALTER TABLE mailbox ADD COLUMN recent_from BIGINT NOT NULL DEFAULT 1;
UPDATE mailbox SET recent_from = uidnext;
