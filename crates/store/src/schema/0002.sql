-- Mail pushed by ordinary SMTP and kept aside: contact attempts whose content is here. `id` is its id in the mailbox,
-- should it get there. `stage` is listed, blocked or dismissed; at `due_at` the row goes. `network` is where it came
-- from, roughly: one network may fill only a part of a mailbox's room.
CREATE TABLE kept (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    sender TEXT NOT NULL,
    sender_key TEXT NOT NULL,
    list TEXT,
    recipient TEXT NOT NULL,
    reverse_path TEXT NOT NULL,
    received BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    stage TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    network TEXT NOT NULL,
    evidence_address TEXT,
    evidence_detail TEXT NOT NULL,
    subject TEXT NOT NULL,
    skip_octets BIGINT NOT NULL,
    head_octets BIGINT NOT NULL,
    size_octets BIGINT NOT NULL,
    digest BLOB NOT NULL,
    place TEXT NOT NULL,
    object TEXT,
    head BLOB NOT NULL,
    octets BLOB,
    PRIMARY KEY (part, account, id)
);
CREATE INDEX kept_due ON kept (due_at, part);
CREATE INDEX kept_room ON kept (part, account, network, size_octets);
