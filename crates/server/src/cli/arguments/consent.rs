//! The words of `consent`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use proto::imap::command::twoway::EntryList;

use super::modes::{ClaimsArgument, LegacyArgument, ScreeningArgument};

/// The port of IMAP with TLS from the start.
const PORT: u16 = 993;

/// Which server is asked, as whom, and what.
#[derive(Debug, Args)]
pub(in crate::cli) struct Consent {
    /// The server: HOST or HOST:PORT, with TLS from the start; port 993 if none is given.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(in crate::cli) server: Server,
    /// The mailbox.
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::cli) user: String,
    /// The password comes on standard input.
    #[arg(long)]
    pub(in crate::cli) password_stdin: bool,
    /// An authority to trust beside those of this machine, PEM.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) ca: Option<PathBuf>,
    #[command(subcommand)]
    pub(in crate::cli) what: Wish,
}

/// A server as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Server {
    pub(in crate::cli) host: String,
    pub(in crate::cli) port: u16,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An IPv6 address stands in brackets where a port follows it.
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None if text.matches(':').count() > 1 => (text, None),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Ok(PORT), str::parse).map_err(|_syntax| format!("not a port in {text:?}"))?;
        if host.is_empty() { Err("expected HOST or HOST:PORT".to_owned()) } else { Ok(Self { host: host.to_owned(), port }) }
    }
}

/// What is wished for.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Wish {
    /// Who has written, and waits for a decision.
    Contacts,
    /// Lets these senders in, and fetches what waits from them.
    Allow {
        /// Addresses.
        #[arg(required = true)]
        senders: Vec<String>,
    },
    /// Keeps these senders out.
    Block {
        /// Addresses.
        #[arg(required = true)]
        senders: Vec<String>,
    },
    /// Puts away what waits from these senders.
    Dismiss {
        /// Addresses.
        #[arg(required = true)]
        senders: Vec<String>,
    },
    /// What stands on the lists, on all if none is named.
    Entries {
        /// allow, block, expected, replied-to or site.
        #[arg(value_parser = list)]
        lists: Vec<EntryList>,
    },
    /// Puts somebody on a list.
    Add {
        /// allow, block or expected.
        #[arg(value_parser = list)]
        list: EntryList,
        /// An address, @domain, @.domain or list:ID.
        who: String,
        /// Until when: RFC 3339, or a length of time from now such as 1h.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// How many messages; with expected only.
        #[arg(long, value_name = "N")]
        count: Option<NonZeroU32>,
        /// The reference that a message must carry; with expected only.
        #[arg(long = "ref", value_name = "REF")]
        reference: Option<String>,
        /// Why, in your words.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Takes somebody from a list.
    Remove {
        /// allow, block, expected, replied-to or site.
        #[arg(value_parser = list)]
        list: EntryList,
        /// As it stands there.
        who: String,
    },
    /// Takes back a change of the last 24 hours: the latest, if none is named.
    Undo {
        /// As `history` names it.
        change: Option<String>,
    },
    /// By which rules the mailbox is kept; tells, or changes what is given.
    Modes {
        /// What happens to notices from strangers.
        #[arg(long)]
        screening: Option<ScreeningArgument>,
        /// What happens to plain mail from strangers.
        #[arg(long)]
        legacy: Option<LegacyArgument>,
        /// Whether names and subjects that strangers claim are shown.
        #[arg(long)]
        claims: Option<ClaimsArgument>,
    },
    /// Tells changes as they happen, until it is stopped.
    Watch,
}

fn list(text: &str) -> Result<EntryList, String> {
    EntryList::parse(text).ok_or_else(|| "expected allow, block, expected, replied-to or site".to_owned())
}
