-- What tells the value of a METADATA entry from others, so that who watches finds out which were set; none of those before.
ALTER TABLE annotation ADD COLUMN digest BLOB;
