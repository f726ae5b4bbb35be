//! What a process does of all that a server does: several processes can share the work over one PostgreSQL.

use clap::ValueEnum;

/// One part of a server's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Takes mail from users: the ports `submission` and `submissions`.
    Submission,
    /// Speaks with other servers: the ports `exchange` and `retrieval`.
    Exchange,
    /// Shows users their mailboxes: the ports `imap` and `imaps`.
    Imap,
    /// Runs the jobs: notices, decisions, retrievals, what is late.
    Work,
}

impl Role {
    /// All of them: what a server does unasked.
    pub const ALL: [Self; 4] = [Self::Submission, Self::Exchange, Self::Imap, Self::Work];
}
