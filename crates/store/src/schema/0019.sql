-- In which zone a client said when a message was received, in minutes ahead of UTC: on which day that was is asked as it was said.
ALTER TABLE item ADD COLUMN zone_minutes BIGINT NOT NULL DEFAULT 0;
