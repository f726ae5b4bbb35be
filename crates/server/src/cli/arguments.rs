//! What can be typed. The names are relied on by scripts and people's fingers.

mod consent;
mod modes;

use crate::roles::Role;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use delivery::consent::Who;
use mail::address::{Domain, Mailbox};
use mail::id::{EntryId, MailId, NoticeId};

use store::Scope;
use store::quota::Limit;

pub(super) use consent::{Consent, Server, Wish};
use modes::{ClaimsArgument, LegacyArgument, ScreeningArgument};

use super::operator::{DomainCommand, Man, Queue, Sent};
use super::rules::{Away, Rules};

/// A mail server for Two-Way Mail: messages wait at their origin until the recipient lets them in.
#[derive(Debug, Parser)]
#[command(name = "twoway", version, arg_required_else_help = true)]
pub(super) struct Arguments {
    /// The configuration; every command but `demo` needs one.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// One JSON document on standard output, errors as JSON on standard error.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows two servers exchanging mail, on this machine and offline.
    Demo(Demo),
    /// Runs the server.
    Serve {
        /// Only these parts of a server's work, separated by commas.
        #[arg(long, value_delimiter = ',', value_name = "ROLES")]
        roles: Vec<Role>,
    },
    /// Whether the server that runs is ready for its work: exit status 0, 1 if it is not and says why, 75 if nobody answers.
    Health,
    /// Looks at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Who has a mailbox here.
    #[command(subcommand)]
    Account(Account),
    /// What happens to mail from strangers; tells, or changes what is given.
    Mode {
        /// The mailbox.
        address: Mailbox,
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
    /// Who is let in.
    Allow {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Entries,
    },
    /// Who is kept out.
    Block {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Entries,
    },
    /// Who is let in for a while, so many times.
    Expected {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Expected,
    },
    /// What was changed in the lists and modes; can be taken back for 24 hours.
    History {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: History,
    },
    /// What is done with mail as it is delivered: filed, flagged, sent on, thrown away.
    Rules {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Rules,
    },
    /// What is said to who writes while the owner is away.
    Absence {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Away,
    },
    /// Who has written, and waits for a decision.
    Contacts {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Contacts,
    },
    /// What became of messages that were sent.
    Sent {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Sent,
    },
    /// What lies in the mailbox.
    Mail {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: Mail,
    },
    /// What is on its way: in, out, and why not yet.
    #[command(subcommand)]
    Queue(Queue),
    /// The domains of this server and what they publish. They are added and removed in the configuration file (`domains`),
    /// which takes a restart.
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Copies everything durable, as it is at one moment, while the server goes on.
    Backup {
        /// Where; not there yet.
        directory: PathBuf,
    },
    /// Puts a backup in the place of the store; the server must not run.
    Restore {
        /// What `backup` has written.
        directory: PathBuf,
        /// Puts aside a store that is there.
        #[arg(long)]
        replace: bool,
    },
    /// The index that makes searches quick: how far it is, and having it made again.
    #[command(subcommand)]
    Index(Index),
    /// Verifies every invariant of the data.
    Check {
        /// Puts right what can be without guessing; contents that nobody knows of go to `lost+found` in the data directory.
        #[arg(long)]
        repair: bool,
    },
    /// Lists and contact attempts of a mailbox at a server that runs elsewhere, by IMAP; needs no configuration.
    #[command(
        after_help = "Example:\n  printf '%s' 'correct horse battery staple' | twoway consent --server mail.example.org --user ann@example.org --password-stdin contacts"
    )]
    Consent(Consent),
    /// What a shell needs to complete this program's commands.
    #[command(after_help = "Example:\n  twoway completions bash > /usr/share/bash-completion/completions/twoway")]
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// The manual, made of the help texts.
    #[command(after_help = "Examples:\n  twoway man | man -l -\n  twoway man /usr/share/man/man1")]
    Man(Man),
}

/// What the demo is asked to do.
#[derive(Debug, Clone, Default, Args)]
pub struct Demo {
    /// Nothing is played; everybody's lists stay empty.
    #[arg(long)]
    pub quiet: bool,
    /// Keep everything here, and go on from there the next time.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Write what a program needs to take part, once everything listens.
    #[arg(long, value_name = "FILE")]
    pub describe: Option<PathBuf>,
    /// Publish a third party in DNS, who then can take part.
    #[arg(long = "peer", value_name = "DOMAIN,IP,EXCHANGE_PORT,RETRIEVAL_PORT[,CA_PEM[,RECORD]]")]
    pub peers: Vec<Peer>,
}

/// A third party who takes part in the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its domain.
    pub domain: Domain,
    /// Where it listens, and dials from.
    pub address: IpAddr,
    /// Its port in place of 25.
    pub exchange_port: u16,
    /// Its port in place of 2626; 0 for a domain without a retrieval service.
    pub retrieval_port: u16,
    /// The authority of its certificate, PEM.
    pub ca_pem: Option<PathBuf>,
    /// What it says in `_twoway.DOMAIN`, where it says anything.
    pub record: Option<String>,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.splitn(6, ',').collect();
        let [domain, address, exchange_port, retrieval_port, rest @ ..] = parts.as_slice() else {
            return Err("expected DOMAIN,IP,EXCHANGE_PORT,RETRIEVAL_PORT[,CA_PEM[,RECORD]]".to_owned());
        };
        let port = |text: &str| text.parse().map_err(|_syntax| format!("not a port: {text:?}"));
        Ok(Self {
            domain: domain.parse().map_err(|error: mail::address::AddressError| error.to_string())?,
            address: address.parse().map_err(|_syntax| format!("not an IP address: {address:?}"))?,
            exchange_port: port(exchange_port)?,
            retrieval_port: port(retrieval_port)?,
            ca_pem: rest.first().filter(|file| !file.is_empty()).map(PathBuf::from),
            record: rest.get(1).map(|record| (*record).to_owned()),
        })
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Index {
    /// How many messages are in it.
    Status {
        /// Whose; everybody's if not given.
        address: Option<Mailbox>,
    },
    /// Deletes it; the running server makes it again from the mail. Searches are right meanwhile, and slower.
    #[command(after_help = "Example:\n  twoway index rebuild ann@example.org")]
    Rebuild {
        /// Whose; everybody's if not given.
        address: Option<Mailbox>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Says what is wrong with the file, all of it, without starting anything.
    Check,
}

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Adds a mailbox.
    #[command(after_help = "Example:\n  printf '%s' 'correct horse battery staple' | twoway account add ann@example.org --password-stdin")]
    Add {
        /// The mailbox.
        address: Mailbox,
        /// The password comes on standard input.
        #[arg(long)]
        password_stdin: bool,
        /// What happens to notices from strangers; off if not given.
        #[arg(long)]
        screening: Option<ScreeningArgument>,
        /// What happens to plain mail from strangers; follows from screening if not given.
        #[arg(long)]
        legacy: Option<LegacyArgument>,
    },
    /// All mailboxes.
    List,
    /// Gives a mailbox another address, or *@domain: all that nobody else has.
    Alias {
        /// The mailbox.
        address: Mailbox,
        /// An address, or *@domain.
        alias: String,
    },
    /// Takes an alias or a catch-all away again.
    Unalias {
        /// The mailbox.
        address: Mailbox,
        /// An address, or *@domain.
        alias: String,
    },
    /// One mailbox: its addresses, its modes, how much lies there and is on its way.
    Show {
        /// The mailbox, by any of its addresses.
        address: Mailbox,
    },
    /// Sets a new password.
    #[command(
        after_help = "Example:\n  printf '%s' 'correct horse battery staple' | twoway account password ann@example.org --password-stdin"
    )]
    Password {
        /// The mailbox.
        address: Mailbox,
        /// The password comes on standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// How much lies in all folders of a mailbox, and how much may; changes what is given.
    #[command(after_help = "Example:\n  twoway account quota ann@example.org --octets 1000000000 --messages none")]
    Quota {
        /// The mailbox.
        address: Mailbox,
        /// Octets of all messages: a number, `none`, or `default` for what is configured.
        #[arg(long, value_parser = limit)]
        octets: Option<Limit>,
        /// How many messages: the same.
        #[arg(long, value_parser = limit)]
        messages: Option<Limit>,
    },
    /// Deletes a mailbox with all that is in it, and says what becomes of what was on its way.
    Delete {
        /// The mailbox.
        address: Mailbox,
    },
    /// Passwords for programs: each is made here, good for a part of what the owner may do, and can be taken away alone.
    AppPassword {
        /// The mailbox.
        address: Mailbox,
        #[command(subcommand)]
        what: AppPasswords,
    },
}

/// A limit as it is typed.
fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit::None),
        "default" => Ok(Limit::Default),
        number => number.parse().map(Limit::Of).map_err(|_syntax| "expected a number, none or default".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum AppPasswords {
    /// Makes a password, and shows it once.
    #[command(after_help = "Example:\n  twoway account app-password ann@example.org add phone --for imap,submission")]
    Add {
        /// What it is called: letters, digits, `.`, `_` and `-`.
        name: String,
        /// What it is good for; everything if not given.
        #[arg(long = "for", value_delimiter = ',', value_name = "SCOPES")]
        scopes: Vec<ScopeArgument>,
    },
    /// All of them, and when each was last used.
    List,
    /// Takes one away; programs that are logged in stay so.
    Remove {
        /// What it is called.
        name: String,
    },
}

/// What an app password is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum ScopeArgument {
    /// To read and change mailboxes.
    Imap,
    /// To hand in mail.
    Submission,
}

impl From<ScopeArgument> for Scope {
    fn from(scope: ScopeArgument) -> Self {
        match scope {
            ScopeArgument::Imap => Self::Imap,
            ScopeArgument::Submission => Self::Submission,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Entries {
    /// Adds an entry; what waits from there is decided anew.
    Add {
        /// An address, @domain, @.domain (with subdomains) or list:ID.
        who: Who,
    },
    /// Removes it.
    Remove {
        /// An address, @domain, @.domain (with subdomains) or list:ID.
        who: Who,
    },
    /// All entries.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum Expected {
    /// Adds an entry.
    Add {
        /// An address, @domain, @.domain (with subdomains) or list:ID.
        who: Who,
        /// RFC 3339, or a length of time from now; 1h if not given.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// How many messages; 3 if not given.
        #[arg(long, value_name = "N")]
        count: Option<u32>,
        /// Only notices that carry this REF, as the sign-up names it.
        #[arg(long = "ref", value_name = "REF")]
        reference: Option<NoticeId>,
    },
    /// Removes it.
    Remove {
        /// An address, @domain, @.domain (with subdomains) or list:ID.
        who: Who,
    },
    /// All entries.
    List,
}

#[derive(Debug, Subcommand)]
pub(super) enum History {
    /// Latest first.
    List,
    /// Takes a change back.
    Undo {
        /// As `history ADDR list` shows it.
        change: EntryId,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Contacts {
    /// Best first.
    List,
    /// Lets them in, and fetches all that waits from them.
    Allow {
        /// An address, @domain, @.domain (with subdomains) or list:ID.
        who: Who,
    },
    /// Keeps them out.
    Block {
        /// An address, @domain, @.domain (with subdomains) or list:ID.
        who: Who,
    },
    /// Puts away what waits, without a decision about them.
    Dismiss {
        /// An address, @domain, @.domain (with subdomains) or list:ID.
        who: Who,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Mail {
    /// Oldest first.
    List {
        /// Only what lies there.
        #[arg(long, value_name = "NAME")]
        mailbox: Option<String>,
        /// Only so many, the latest.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// One message.
    Show {
        /// As `mail ADDR list` shows it.
        id: MailId,
        /// The exact octets.
        #[arg(long)]
        raw: bool,
    },
    /// Every mailbox as files that other programs read.
    Export {
        /// Where; made, if it is not there.
        directory: PathBuf,
        /// What the files are to be.
        #[arg(long)]
        format: FormatArgument,
    },
    /// Messages of other programs, or of an export; repeated, it goes on where it was cut short.
    Import {
        /// A Maildir, an mbox, or a directory of files NAME.mbox.
        path: PathBuf,
        /// Seen from what is there, if not given.
        #[arg(long)]
        format: Option<FormatArgument>,
        /// In place of INBOX, and above all other mailboxes.
        #[arg(long, value_name = "NAME")]
        mailbox: Option<String>,
        /// Also what lies in the mailbox already.
        #[arg(long)]
        duplicates: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FormatArgument {
    /// A file for each message; Maildir++ folders.
    Maildir,
    /// A file for each mailbox (mboxrd).
    Mbox,
}
