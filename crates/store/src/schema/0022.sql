-- From which octet of its mail's row on the text of a body stands there as it is: it is not kept again then.
ALTER TABLE search_text ADD COLUMN body_at BIGINT;
-- Mail that no notice brought needs no place among those that one did.
DROP INDEX mail_arrival;
CREATE UNIQUE INDEX mail_arrival ON mail (part, account, origin, notice, recipient_key) WHERE origin IS NOT NULL;
