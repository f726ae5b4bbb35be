-- Mailboxes as IMAP sees them. A message in a mailbox is an `item`; the octets it shows are a `mail`, which any number of
-- items share, and which goes with the last of them.

-- The greatest UIDVALIDITY given to a mailbox of the account, and the greatest of a name that is there no more: whoever takes
-- up such a name gets a greater one. Quotas: none means the configured one, -1 that there is no limit.
ALTER TABLE account ADD COLUMN uidvalidity BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN uidvalidity_freed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN octets_max BIGINT;
ALTER TABLE account ADD COLUMN messages_max BIGINT;
UPDATE account SET uidvalidity = COALESCE((SELECT MAX(b.uidvalidity) FROM mailbox b WHERE b.part = account.part AND b.account = account.id), 0);

-- A mailbox without a name is deleted: what is left of it goes in steps. `special` is its use, `keywords` all that its items
-- may have, separated by spaces. The counters say what its items are. `expunges` counts its rows of `expunged`; up to the
-- modification sequence `forgotten` they are not complete.
ALTER TABLE mailbox RENAME TO mailbox_before;
CREATE TABLE mailbox (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    special TEXT,
    uidvalidity BIGINT NOT NULL,
    uidnext BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    unseen BIGINT NOT NULL,
    deleted BIGINT NOT NULL,
    octets BIGINT NOT NULL,
    deleted_octets BIGINT NOT NULL,
    expunges BIGINT NOT NULL,
    forgotten BIGINT NOT NULL,
    keywords TEXT NOT NULL,
    PRIMARY KEY (part, account, id)
) /* clustered */;
CREATE UNIQUE INDEX mailbox_name ON mailbox (part, account, name);
CREATE INDEX mailbox_going ON mailbox (part, account, id) WHERE name IS NULL;

-- An INBOX has the id of its account. The others get ids made of it: an account has fewer than ten thousand mailboxes.
INSERT INTO mailbox (part, account, id, name, special, uidvalidity, uidnext, modseq, messages, unseen, deleted, octets, deleted_octets,
    expunges, forgotten, keywords)
SELECT b.part, b.account,
    CASE WHEN b.name = 'INBOX' THEN b.account ELSE SUBSTR(b.account, 1, 32)
        || SUBSTR('' || (10000 + ROW_NUMBER() OVER (PARTITION BY b.part, b.account ORDER BY b.name)), 2, 4) END,
    b.name, NULL, b.uidvalidity, b.uidnext, b.modseq, COUNT(m.id), COUNT(m.id), 0,
    CAST(COALESCE(SUM(m.head_octets + m.size_octets - m.skip_octets), 0) AS BIGINT), 0, 0, 0, ''
FROM mailbox_before b LEFT JOIN mail m ON m.part = b.part AND m.account = b.account AND m.mailbox = b.name
GROUP BY b.part, b.account, b.name, b.uidvalidity, b.uidnext, b.modseq;
DROP TABLE mailbox_before;

-- `flags` is a sum: 1 seen, 2 answered, 4 flagged, 8 deleted, 16 draft. `received` and `size_octets` are those of the mail, so
-- that a listing reads nothing else; `saved` is when it came into this mailbox.
CREATE TABLE item (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    uid BIGINT NOT NULL,
    mail TEXT NOT NULL,
    modseq BIGINT NOT NULL,
    flags BIGINT NOT NULL,
    keywords TEXT NOT NULL,
    received BIGINT NOT NULL,
    saved BIGINT NOT NULL,
    size_octets BIGINT NOT NULL,
    PRIMARY KEY (part, account, mailbox, uid)
) /* clustered */;
INSERT INTO item (part, account, mailbox, uid, mail, modseq, flags, keywords, received, saved, size_octets)
SELECT m.part, m.account, b.id, m.uid, m.id, m.modseq, 0, '', m.received, m.received, m.head_octets + m.size_octets - m.skip_octets
FROM mail m JOIN mailbox b ON b.part = m.part AND b.account = m.account AND b.name = m.mailbox;
CREATE INDEX item_mail ON item (part, account, mail);
CREATE INDEX item_modseq ON item (part, account, mailbox, modseq);

DROP INDEX mail_uid;
ALTER TABLE mail DROP COLUMN mailbox;
ALTER TABLE mail DROP COLUMN uid;
ALTER TABLE mail DROP COLUMN modseq;

-- Mail that no item shows any more: it goes in steps.
CREATE TABLE discarded (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mail TEXT NOT NULL,
    PRIMARY KEY (part, account, mail)
) /* clustered */;

-- The UIDs from `uid` to `last` were expunged, as change `modseq` of their mailbox.
CREATE TABLE expunged (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    modseq BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    last BIGINT NOT NULL,
    PRIMARY KEY (part, account, mailbox, modseq, uid)
) /* clustered */;

-- Names that are subscribed to, whether a mailbox has them or not.
CREATE TABLE subscription (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (part, account, name)
) /* clustered */;
INSERT INTO subscription (part, account, name) SELECT part, account, name FROM mailbox WHERE name IS NOT NULL;

-- METADATA of a mailbox, or of the account where `mailbox` is empty.
CREATE TABLE annotation (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (part, account, mailbox, name)
) /* clustered */;

-- How often something changed that a client of the account may want to know: for other processes to ask. Only where there
-- can be some.
CREATE TABLE beat (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    beats BIGINT NOT NULL,
    PRIMARY KEY (part, account)
) /* clustered */;
CREATE INDEX beat_account ON beat (account, beats);
