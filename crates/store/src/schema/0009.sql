-- Messages of mailboxes that the server makes: `name` is what each stands for, `digest` that of its octets.
CREATE TABLE made (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL,
    uid BIGINT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (part, account, mailbox, name)
) /* clustered */;

-- The Message-ID of a message that is sent, and of those that clients append: the author's own copy is found by it. None
-- where it is not known.
ALTER TABLE message ADD COLUMN internet_id TEXT;
CREATE INDEX message_internet_id ON message (part, account, internet_id);
CREATE INDEX message_kept ON message (part, account, kept);
ALTER TABLE mail ADD COLUMN internet_id TEXT;
CREATE INDEX mail_internet_id ON mail (part, account, internet_id) WHERE internet_id IS NOT NULL;
