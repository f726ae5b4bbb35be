-- Which expectation of its recipients a message answers (REF).
ALTER TABLE message ADD COLUMN reference TEXT;
