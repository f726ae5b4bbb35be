-- Whether an account has been given the mailboxes that mail programs look for, at its first login. Who had one subscribed to
-- INBOX then, and was given the mailboxes that the server fills; what an import or a rule made says nothing of it.
ALTER TABLE account ADD COLUMN furnished BIGINT NOT NULL DEFAULT 0;
UPDATE account SET furnished = 1
    WHERE EXISTS (SELECT 1 FROM subscription s WHERE s.part = account.part AND s.account = account.id AND s.name = 'INBOX')
    OR EXISTS (SELECT 1 FROM mailbox b WHERE b.part = account.part AND b.account = account.id
        AND b.name IN ('Contact Requests', 'Contact Requests (server)', 'Sent Status', 'Sent Status (server)'));
