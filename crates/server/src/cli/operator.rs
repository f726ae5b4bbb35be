//! What an administrator types about the queue, what was sent, the domains, and the program itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mail::address::{Domain, Mailbox};

use crate::admin::Request;
use crate::admin::request::{QueueFilter, QueueState, Retried};

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// What is still to be done, what is due first on top.
    #[command(after_help = "Examples:\n  twoway queue list --domain example.net\n  twoway queue list --state notifying --limit 20 --json")]
    List {
        /// Only what goes to this domain, or comes from it.
        #[arg(long)]
        domain: Option<Domain>,
        /// Only what is in this state.
        #[arg(long)]
        state: Option<QueueState>,
        /// Only what this address has written.
        #[arg(long, value_name = "ADDR")]
        sender: Option<Mailbox>,
        /// At most so many; 100 if not given.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// How much there is, by state and by domain, and who is left alone for a while.
    Summary,
    /// The whole story of one thing: what it waits for, until when, and what can be done.
    Why {
        /// As `queue list` or `sent ADDR list` shows it.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
    /// Tries it now, and dials peers again that were left alone because they had failed too often.
    #[command(after_help = "Examples:\n  twoway queue retry ID\n  twoway queue retry --domain example.net")]
    Retry(Retry),
    /// Ends it. The author is told: that it failed, or, if it may have arrived, that nobody confirmed it.
    GiveUp {
        /// As `queue list` shows it.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Retry {
    /// As `queue list` shows it.
    #[arg(allow_hyphen_values = true)]
    id: Option<String>,
    /// All that goes to this domain, or comes from it.
    #[arg(long)]
    domain: Option<Domain>,
    /// Everything.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum DomainCommand {
    /// The domains of this server, with their mailboxes and catch-alls.
    List,
    /// The DNS records to publish, as lines of a zone file.
    Records {
        /// One of this server's.
        domain: Domain,
    },
    /// What DNS says now, and whether other servers will let this one act for the domain. Exit status 1 if not all is well.
    Check {
        /// One of this server's.
        domain: Domain,
    },
}

/// Where the man pages go.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Writes one page for each command here; without it, the main page goes to standard output.
    pub(super) dir: Option<PathBuf>,
}

impl From<Queue> for Request {
    fn from(queue: Queue) -> Self {
        match queue {
            Queue::List { domain, state, sender, limit } => Self::QueueList(QueueFilter { domain, state, sender, limit }),
            Queue::Summary => Self::QueueSummary,
            Queue::Why { id } => Self::QueueWhy { id },
            Queue::Retry(Retry { id: Some(id), .. }) => Self::QueueRetry(Retried::One { id }),
            Queue::Retry(Retry { domain: Some(domain), .. }) => Self::QueueRetry(Retried::Domain { domain }),
            // The group of arguments has exactly one of the three.
            Queue::Retry(Retry { .. }) => Self::QueueRetry(Retried::All),
            Queue::GiveUp { id } => Self::QueueGiveUp { id },
        }
    }
}

impl From<DomainCommand> for Request {
    fn from(domain: DomainCommand) -> Self {
        match domain {
            DomainCommand::List => Self::DomainList,
            DomainCommand::Records { domain } => Self::DomainRecords { domain },
            DomainCommand::Check { domain } => Self::DomainCheck { domain },
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Sent {
    /// Latest first.
    List,
    /// Takes a message back that nobody has collected: by the id of a transfer, or of a message.
    Withdraw {
        /// As `sent ADDR list` shows it.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}
