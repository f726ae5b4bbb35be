//! What is typed about rules and the absence reply; the files it names are read here.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use delivery::absence::{Absence, DAYS, TEXT_OCTETS_MAX};
use delivery::rules::sieve;
use delivery::rules::{Allowance, RULES_OCTETS_MAX, RuleSet, SCRIPT_OCTETS_MAX};
use mail::address::Mailbox;
use mail::message::HeaderSection;
use mail::time::Timestamp;

use crate::admin::{AdminError, Request};

/// Octets of a header section that rules are tried on: it travels in one request.
const TRIED_OCTETS_MAX: usize = 32 * 1024;
/// Octets of a message that rules are tried on.
const MESSAGE_OCTETS_MAX: usize = 64 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum Rules {
    /// Each on a line.
    List,
    /// All of them as JSON, as `set` takes them.
    Show,
    /// Replaces all of them.
    #[command(after_help = "Example:\n  twoway rules ann@example.org set rules.json")]
    Set {
        /// As `show` writes them.
        file: PathBuf,
    },
    /// Replaces all of them by those of a Sieve script (RFC 5228), and the absence reply if the script has one.
    ImportSieve {
        /// The script.
        file: PathBuf,
    },
    /// All of them, and the absence reply, as a Sieve script.
    ExportSieve,
    /// What would be done with a message.
    Test {
        /// The message.
        file: PathBuf,
        /// Whom it was sent to; the account's address if not given.
        #[arg(long, value_name = "ADDR")]
        to: Option<Mailbox>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Away {
    /// What is said, and whether it is said now.
    Show,
    /// Sets what is said while the owner is away.
    #[command(after_help = "Example:\n  twoway absence ann@example.org set --text-file away.txt --until 2026-12-31T12:00:00Z")]
    Set {
        /// The text.
        #[arg(long, value_name = "FILE")]
        text_file: PathBuf,
        /// `Auto: ` and the subject that is answered, if not given.
        #[arg(long)]
        subject: Option<String>,
        /// From when on (RFC 3339); at once if not given.
        #[arg(long, value_name = "TIME")]
        from: Option<Timestamp>,
        /// Until when (RFC 3339); until it is switched off if not given.
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// After how many days the same author is answered again, 1 to 30.
        #[arg(long, value_name = "N", default_value_t = DAYS)]
        days: u8,
        /// Another address by which the owner may be named; may be repeated.
        #[arg(long = "address", value_name = "ADDR")]
        addresses: Vec<Mailbox>,
    },
    /// Says nothing any more.
    Off,
}

/// The request that a command about rules stands for.
pub(super) fn rules(address: Mailbox, what: Rules) -> Result<Request, AdminError> {
    Ok(match what {
        Rules::List => Request::RulesList { address },
        Rules::Show => Request::RulesShow { address },
        Rules::Set { file } => {
            let json = text(&file, RULES_OCTETS_MAX)?;
            let unfit = |error: &dyn std::fmt::Display| AdminError::usage("rules", format!("{}: {error}", file.display()));
            let rules: RuleSet = serde_json::from_str(&json).map_err(|error| unfit(&error))?;
            Request::RulesSet { address, rules: rules.checked().map_err(|error| unfit(&error))?, absence: None }
        }
        Rules::ImportSieve { file } => {
            let script = text(&file, SCRIPT_OCTETS_MAX)?;
            let unfit = |error| AdminError::usage("sieve", format!("{}: {error}", file.display()));
            let sieve::Script { rules, absence } = sieve::read(&script).map_err(unfit)?;
            Request::RulesSet { address, rules, absence }
        }
        Rules::ExportSieve => Request::RulesExport { address },
        Rules::Test { file, to } => {
            let message = octets(&file, MESSAGE_OCTETS_MAX)?;
            let header = HeaderSection::read(&message).octets();
            if header.len() > TRIED_OCTETS_MAX {
                return Err(unread(&file, &format!("its header section is longer than {TRIED_OCTETS_MAX} octets")));
            }
            let (header, size_octets) = (String::from_utf8_lossy(header).into_owned(), message.len() as u64);
            Request::RulesTest { address, header, size_octets, to, allowed_by: Allowance::Open }
        }
    })
}

/// The request that a command about the absence reply stands for.
pub(super) fn away(address: Mailbox, what: Away) -> Result<Request, AdminError> {
    Ok(match what {
        Away::Show => Request::AbsenceShow { address },
        Away::Off => Request::AbsenceSet { address, absence: None },
        Away::Set { text_file, subject, from, until, days, addresses } => {
            let absence = Absence { text: text(&text_file, TEXT_OCTETS_MAX)?, subject, from, until, days, addresses };
            let absence = absence.checked().map_err(|error| AdminError::usage("absence", error.to_string()))?;
            Request::AbsenceSet { address, absence: Some(absence) }
        }
    })
}

fn text(file: &Path, octets_max: usize) -> Result<String, AdminError> {
    String::from_utf8(octets(file, octets_max)?).map_err(|error| unread(file, &error.to_string()))
}

fn octets(file: &Path, octets_max: usize) -> Result<Vec<u8>, AdminError> {
    let found = std::fs::metadata(file).map_err(|error| unread(file, &error.to_string()))?.len();
    if found > octets_max as u64 {
        return Err(unread(file, &format!("{found} octets; expected at most {octets_max}")));
    }
    std::fs::read(file).map_err(|error| unread(file, &error.to_string()))
}

fn unread(file: &Path, why: &str) -> AdminError {
    AdminError::usage("file", format!("{}: {why}", file.display()))
}
