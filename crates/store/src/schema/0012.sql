-- What the owner of a mailbox wants done with what comes: rules and the absence reply, as JSON; neither where there is none.
CREATE TABLE rules (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    rules TEXT,
    absence TEXT,
    PRIMARY KEY (part, account)
) /* clustered */;

-- To whom an absence reply was given, and when.
CREATE TABLE answered (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    sender_key TEXT NOT NULL,
    answered_at BIGINT NOT NULL,
    PRIMARY KEY (part, account, sender_key)
) /* clustered */;
CREATE INDEX answered_answered_at ON answered (answered_at, part);

-- What is to be sent for an account because a message came: committed with that message. `id` is that of the message which
-- will be sent, so that it is sent once; `mail` is the one that is sent on, and stays as long as it is here.
CREATE TABLE errand (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    mail TEXT,
    task TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (part, account, id)
) /* clustered */;
CREATE INDEX errand_due ON errand (due_at, part);
