-- Notices that were taken for an address which leads to that account no more: a repeat is still one. In the partition of
-- the recipient's address; until `until`, when none can come any more.
CREATE TABLE former_arrival (
    part BIGINT NOT NULL,
    recipient_key TEXT NOT NULL,
    origin TEXT NOT NULL,
    id TEXT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (part, recipient_key, origin, id)
) /* clustered */;
CREATE INDEX former_arrival_until ON former_arrival (until, part);
