-- What the author asks of the way: TLS on every step (REQUIRETLS), and never by ordinary SMTP.

ALTER TABLE message ADD COLUMN require_tls BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN twoway_only BIGINT NOT NULL DEFAULT 0;
