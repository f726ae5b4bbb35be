-- What is told of the structure of a mail, word for word; none where that is not the same for everybody, or not made yet.
ALTER TABLE outline ADD COLUMN told BLOB;
