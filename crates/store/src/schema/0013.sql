-- What notices call a message (KIND), and the list that it went to (LIST).
ALTER TABLE message ADD COLUMN kind TEXT NOT NULL DEFAULT 'mail';
ALTER TABLE message ADD COLUMN list TEXT;
