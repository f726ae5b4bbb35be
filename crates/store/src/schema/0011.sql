-- What makes searching and sorting quick, made of the mail by a job, and at any time anew (docs/decisions/search-index.md).

-- What sorts and threads a mail; texts are folded, references stand on a line each.
CREATE TABLE summary (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mail TEXT NOT NULL,
    sent BIGINT,
    sent_local BIGINT,
    subject TEXT NOT NULL,
    is_reply BIGINT NOT NULL,
    from_local TEXT NOT NULL,
    to_local TEXT NOT NULL,
    cc_local TEXT NOT NULL,
    display_from TEXT NOT NULL,
    display_to TEXT NOT NULL,
    message_id TEXT,
    mail_references TEXT NOT NULL,
    PRIMARY KEY (part, account, mail)
) /* clustered */;

-- The text of a mail as a search sees it. `segment` is 0 while it waits for one, -1 if it is never in one.
CREATE TABLE search_text (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mail TEXT NOT NULL,
    segment BIGINT NOT NULL,
    is_whole BIGINT NOT NULL,
    octets BIGINT NOT NULL,
    head TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (part, account, mail)
);
CREATE INDEX search_text_waiting ON search_text (part, account, mail, octets) WHERE segment = 0;

-- A segment: `mails` are the ids of its messages, 16 octets each, of which `messages` are still there.
CREATE TABLE search_segment (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    segment BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    built BIGINT NOT NULL,
    mails BLOB NOT NULL,
    PRIMARY KEY (part, account, segment)
) /* clustered */;
CREATE INDEX search_segment_thin ON search_segment (part, account, segment) WHERE messages * 2 < built;

-- Which gram is in which message of a segment, for the grams whose first octet is `shard`.
CREATE TABLE search_gram (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    segment BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    postings BLOB NOT NULL,
    PRIMARY KEY (part, account, segment, shard)
) /* clustered */;

-- Up to which UID the index has seen a mailbox.
ALTER TABLE mailbox ADD COLUMN indexed_uid BIGINT NOT NULL DEFAULT 0;
CREATE INDEX mailbox_behind ON mailbox (part, account, id) WHERE indexed_uid + 1 < uidnext;
