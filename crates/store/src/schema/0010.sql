-- What lists of messages show of a mail, read out of it once: packed, and read again where the form is another.
CREATE TABLE outline (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    mail TEXT NOT NULL,
    envelope BLOB NOT NULL,
    fields BLOB NOT NULL,
    structure BLOB NOT NULL,
    preview TEXT NOT NULL,
    PRIMARY KEY (part, account, mail)
) /* clustered */;
