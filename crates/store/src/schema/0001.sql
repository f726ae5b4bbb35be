-- Every table of the first version. `part` leads every primary key; times are milliseconds; ids are text.
-- `state` is the JSON of a state machine's state; `stage` and `due_at` repeat what of it is asked for.

CREATE TABLE meta (
    part BIGINT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (part, name)
) /* clustered */;

-- Who holds a partition's jobs.
CREATE TABLE lease (
    part BIGINT NOT NULL,
    owner TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (part)
) /* clustered */;

-- In the partition of the address's own hash. `name` is Mailbox::key, or @domain for a catch-all.
CREATE TABLE directory (
    part BIGINT NOT NULL,
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    stage TEXT NOT NULL,
    reserved_at BIGINT NOT NULL,
    PRIMARY KEY (part, name)
) /* clustered */;

CREATE TABLE account (
    part BIGINT NOT NULL,
    id TEXT NOT NULL,
    address TEXT NOT NULL,
    stage TEXT NOT NULL,
    screening TEXT NOT NULL,
    legacy TEXT,
    made BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    scram_salt BLOB NOT NULL,
    scram_iterations BIGINT NOT NULL,
    scram_stored_key BLOB NOT NULL,
    scram_server_key BLOB NOT NULL,
    PRIMARY KEY (part, id)
) /* clustered */;

CREATE TABLE alias (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    written TEXT NOT NULL,
    PRIMARY KEY (part, account, name)
) /* clustered */;

-- The origin's side: a message, and one transfer for each recipient.
CREATE TABLE message (
    part BIGINT NOT NULL,
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    kept BIGINT NOT NULL,
    sender TEXT NOT NULL,
    reverse_path TEXT NOT NULL,
    envelope_id TEXT,
    returns TEXT NOT NULL,
    body TEXT NOT NULL,
    smtputf8 BIGINT NOT NULL,
    subject TEXT NOT NULL,
    size_octets BIGINT NOT NULL,
    digest BLOB NOT NULL,
    place TEXT NOT NULL,
    object TEXT,
    header BLOB NOT NULL,
    octets BLOB,
    PRIMARY KEY (part, id)
);

CREATE TABLE transfer (
    part BIGINT NOT NULL,
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    message TEXT NOT NULL,
    sender_key TEXT NOT NULL,
    recipient TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    report TEXT,
    original TEXT,
    stage TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    detail TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (part, id)
);
CREATE INDEX transfer_due ON transfer (due_at, part);
CREATE INDEX transfer_message ON transfer (part, message);
CREATE INDEX transfer_account ON transfer (part, account);
CREATE INDEX transfer_pair ON transfer (part, sender_key, recipient_key, id);

-- The destination's side: one row for each notice.
CREATE TABLE arrival (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    origin TEXT NOT NULL,
    id TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    sender TEXT NOT NULL,
    sender_key TEXT NOT NULL,
    recipient TEXT NOT NULL,
    size_octets BIGINT NOT NULL,
    date BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    smtputf8 BIGINT NOT NULL,
    require_tls BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    subject TEXT,
    reference TEXT,
    list TEXT,
    evidence_rule TEXT NOT NULL,
    evidence_detail TEXT NOT NULL,
    evidence_address TEXT,
    stage TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    detail TEXT NOT NULL,
    state TEXT NOT NULL,
    heard_at BIGINT NOT NULL,
    PRIMARY KEY (part, account, origin, id, recipient_key)
) /* clustered */;
CREATE INDEX arrival_due ON arrival (due_at, part);
-- Small, and with the stage in it although it is always the same: a planner without statistics counts columns.
CREATE INDEX arrival_listed ON arrival (part, account, stage, origin, sender_key) WHERE stage = 'listed';

-- Content of an arrival that came in over connections that broke: objects, in order.
CREATE TABLE partial (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    origin TEXT NOT NULL,
    id TEXT NOT NULL,
    recipient_key TEXT NOT NULL,
    seq BIGINT NOT NULL,
    object TEXT NOT NULL,
    size_octets BIGINT NOT NULL,
    PRIMARY KEY (part, account, origin, id, recipient_key, seq)
) /* clustered */;

-- Objects that no row names: being written, or freed. Here before the object is, and after it is gone.
CREATE TABLE orphan (
    part BIGINT NOT NULL,
    object TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (part, object)
) /* clustered */;

-- Consent. `name` is Entry::key: address, @domain, @.domain, list:ID, site:address; `domain` is the address's.
CREATE TABLE entry (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    list TEXT NOT NULL,
    domain TEXT NOT NULL,
    id TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (part, account, name, list)
) /* clustered */;
CREATE INDEX entry_domain ON entry (part, account, domain);

CREATE TABLE history (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    at BIGINT NOT NULL,
    through TEXT NOT NULL,
    act TEXT NOT NULL,
    undone BIGINT NOT NULL,
    undo TEXT NOT NULL,
    PRIMARY KEY (part, account, id)
) /* clustered */;

-- Changes of consent whose consequences for what waits did not fit into one transaction: for which arrivals, and
-- after which to go on.
CREATE TABLE redecision (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    scope TEXT NOT NULL,
    after TEXT NOT NULL,
    PRIMARY KEY (part, account, scope)
) /* clustered */;

-- With screening = observe: who was let in and would have waited.
CREATE TABLE observed (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    sender_key TEXT NOT NULL,
    sender TEXT NOT NULL,
    messages BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (part, account, sender_key)
) /* clustered */;

CREATE TABLE mailbox (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    uidvalidity BIGINT NOT NULL,
    uidnext BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    PRIMARY KEY (part, account, name)
) /* clustered */;

-- A message in a mailbox. `origin`, `notice` and `recipient_key` name the arrival that brought it, if one did.
CREATE TABLE mail (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    mailbox TEXT NOT NULL,
    uid BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    received BIGINT NOT NULL,
    author TEXT NOT NULL,
    subject TEXT NOT NULL,
    skip_octets BIGINT NOT NULL,
    head_octets BIGINT NOT NULL,
    size_octets BIGINT NOT NULL,
    digest BLOB NOT NULL,
    place TEXT NOT NULL,
    object TEXT,
    origin TEXT,
    notice TEXT,
    recipient_key TEXT,
    head BLOB NOT NULL,
    octets BLOB,
    PRIMARY KEY (part, account, id)
);
CREATE UNIQUE INDEX mail_uid ON mail (part, account, mailbox, uid);
CREATE UNIQUE INDEX mail_arrival ON mail (part, account, origin, notice, recipient_key);

-- Domains seen with the extension.
CREATE TABLE pin (
    part BIGINT NOT NULL,
    domain TEXT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (part, domain)
) /* clustered */;
