-- The latest attempt to give a notice or to relay, for reports: JSON, or none.
ALTER TABLE transfer ADD COLUMN attempt TEXT;
