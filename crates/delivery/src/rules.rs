//! Rules: what the owner of a mailbox wants done with a message that was let in, as data; and the one evaluator.
//!
//! Rules never decide who is let in (`consent` does), and never lose a message: what one throws away lies in Trash, and
//! whatever can't be done as the rules say ends in INBOX. They mean what the same rules mean in Sieve (RFC 5228), so that
//! they can be carried to and from other servers (`sieve`).
//!
//! - The rules are looked at in order; each whose condition holds acts, and all that follow are looked at too, up to a `stop`.
//! - A message goes to every mailbox that a rule files it into; to INBOX, or to the folder its plus-address names, if
//!   nothing was said of where it is to go.
//! - Flags are set on what is filed after them.

mod condition;
mod evaluate;
mod facts;
mod flag;
mod limits;
mod many;
pub mod sieve;
mod text;

use mail::address::Mailbox;
use serde::{Deserialize, Serialize};

pub use condition::{Condition, FieldName, Part, Path, SizeTest};
pub use evaluate::{DELIVERED_TO, Filed, Filing, Target, Unforwarded, file, may_be_forwarded};
pub use facts::{Allowance, MessageFacts, return_path};
pub use flag::{Flag, FlagError};
pub use limits::*;
use limits::{check, check_rule, is_mailbox};
pub use many::Many;
pub use text::Text;

/// The form in which rules are kept and handed over. Another one gets another number.
pub const VERSION: u32 = 1;

/// All rules of a mailbox, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// [`VERSION`].
    pub version: u32,
    /// In the order in which they are looked at.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What its owner calls it; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it acts.
    #[serde(rename = "if")]
    pub condition: Condition,
    /// What it does, in order.
    #[serde(rename = "then")]
    pub actions: Vec<Action>,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Puts the message into this mailbox, which is made if there is none. Nothing else is then done with it unasked.
    FileInto(String),
    /// The same, and it goes on as if this had not been: a further copy.
    CopyInto(String),
    /// Puts it where it would go without rules, whatever else is done with it.
    Keep,
    /// Flags for what is filed from here on, beside those it has.
    Flag(Many<Flag>),
    /// Exactly these flags for what is filed from here on.
    SetFlags(Many<Flag>),
    /// Flags no longer set on what is filed from here on.
    Unflag(Many<Flag>),
    /// Sends it on.
    Forward(Forward),
    /// Puts it into Trash, unless it goes somewhere else too.
    Discard,
    /// No further rule is looked at.
    Stop,
}

/// Whom a message is sent on to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Whom.
    pub to: Mailbox,
    /// Whether it goes on as if this had not been, so that it is kept here too.
    pub keep: Keeping,
}

/// Whether what is sent on stays here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// It does.
    Copy,
    /// Only where another rule puts it.
    Nothing,
}

impl Serialize for Keeping {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self == Self::Copy)
    }
}

impl<'de> Deserialize<'de> for Keeping {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(if bool::deserialize(deserializer)? { Self::Copy } else { Self::Nothing })
    }
}

impl Default for RuleSet {
    fn default() -> Self {
        Self { version: VERSION, rules: Vec::new() }
    }
}

impl RuleSet {
    /// The same rules in the one form in which they are kept, if they can be carried out: names of mailboxes and flags
    /// written in one way, and of two ways to say a thing the shorter.
    ///
    /// # Errors
    /// They are too many, too long, or name what can't be.
    pub fn checked(self) -> Result<Self, RulesError> {
        let set = Self { version: self.version, rules: self.rules.into_iter().map(Rule::canonical).collect() };
        check(&set)?;
        Ok(set)
    }
}

impl Rule {
    fn canonical(self) -> Self {
        Self {
            name: self.name.trim().to_owned(),
            condition: self.condition.canonical(),
            actions: self.actions.into_iter().map(Action::canonical).collect(),
        }
    }
}

impl Action {
    fn canonical(self) -> Self {
        match self {
            Self::FileInto(mailbox) => Self::FileInto(canonical_mailbox(mailbox)),
            Self::CopyInto(mailbox) => Self::CopyInto(canonical_mailbox(mailbox)),
            other => other,
        }
    }
}

/// RFC 9051 section 5.1: INBOX is INBOX in any case.
fn canonical_mailbox(name: String) -> String {
    if name.eq_ignore_ascii_case(INBOX) { INBOX.to_owned() } else { name }
}

/// Where everything arrives.
pub const INBOX: &str = "INBOX";

#[cfg(test)]
mod tests;
