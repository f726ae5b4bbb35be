-- Passwords for programs: one each, made here, good for a part of what an account may do. `name` is the owner's, `id` the
-- beginning of the password; `scopes` is a list with spaces.
CREATE TABLE app_password (
    part BIGINT NOT NULL,
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    scram_salt BLOB NOT NULL,
    scram_iterations BIGINT NOT NULL,
    scram_stored_key BLOB NOT NULL,
    scram_server_key BLOB NOT NULL,
    made BIGINT NOT NULL,
    used BIGINT,
    PRIMARY KEY (part, account, id)
) /* clustered */;
