-- Whether names and subjects that strangers claim are shown to the owner.
ALTER TABLE account ADD COLUMN claims TEXT NOT NULL DEFAULT 'hidden';
