//! Sieve (RFC 5228): the scripts in which other servers keep rules, read and written.
//!
//! Core, and of its extensions `fileinto`, `envelope`, `imap4flags` (RFC 5232), `copy` (RFC 3894), `mailbox` (RFC 5490) for
//! `:create`, and `vacation` (RFC 5230) for the absence reply. A script that asks for anything that no rule can say is
//! refused as a whole, with the place where it does.

mod export;
mod import;
mod lexer;
mod question;
mod syntax;

use std::fmt;

use super::{RuleFault, RuleSet, RulesError};
use crate::absence::{Absence, AbsenceError};

pub use export::{Unexportable, export};

/// What a script says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its rules, as [`RuleSet::checked`] leaves them.
    pub rules: RuleSet,
    /// Its absence reply, if it has one.
    pub absence: Option<Absence>,
}

/// A place in a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spot {
    /// From 1 on.
    pub line: u32,
    /// From 1 on, in characters.
    pub column: u32,
}

/// Why a script is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {fault}")]
pub struct SieveError {
    /// Where.
    pub at: Spot,
    /// What.
    pub fault: SieveFault,
}

/// What is wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SieveFault {
    /// It is no Sieve.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// In words.
        expected: String,
        /// In words.
        found: String,
    },
    /// It is Sieve, and no rule can say it.
    #[error("{0}")]
    NoEquivalent(String),
    /// RFC 5228 section 3.2.
    #[error("{what} needs `require \"{extension}\";` at the beginning of the script")]
    NotRequired {
        /// What was used.
        what: String,
        /// The extension it belongs to.
        extension: &'static str,
    },
    /// Over [`super::SCRIPT_OCTETS_MAX`].
    #[error("the script is longer than {max} octets", max = super::SCRIPT_OCTETS_MAX)]
    TooLong,
    /// Blocks or tests within each other.
    #[error("blocks or tests are nested deeper than {0}")]
    TooDeep(usize),
    /// What would be a rule can't be one.
    #[error("what begins here can't be a rule: {0}")]
    Rule(#[from] RuleFault),
    /// As rules, it is too much.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// Its absence reply can't be kept.
    #[error(transparent)]
    Absence(#[from] AbsenceError),
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Spot {
    fn expected<T>(self, expected: &str, found: &str) -> Result<T, SieveError> {
        Err(SieveError { at: self, fault: SieveFault::Expected { expected: expected.to_owned(), found: found.to_owned() } })
    }

    fn no_equivalent<T>(self, why: impl Into<String>) -> Result<T, SieveError> {
        Err(SieveError { at: self, fault: SieveFault::NoEquivalent(why.into()) })
    }
}

/// Reads a script.
///
/// # Errors
/// It is no Sieve, or says what no rule can; nothing of it is taken.
pub fn read(script: &str) -> Result<Script, SieveError> {
    if script.len() > super::SCRIPT_OCTETS_MAX {
        return Err(SieveError { at: Spot { line: 1, column: 1 }, fault: SieveFault::TooLong });
    }
    import::import(&syntax::parse(script)?)
}

#[cfg(test)]
mod tests;
