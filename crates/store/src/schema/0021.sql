-- Domains that mail was fetched from for an account, some of which is gone from its mailboxes.
CREATE TABLE acquaintance (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    domain TEXT NOT NULL,
    noted BIGINT NOT NULL,
    PRIMARY KEY (part, account, domain)
) /* clustered */;
