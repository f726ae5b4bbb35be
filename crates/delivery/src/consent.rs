//! Whether a recipient lets a message in: the entries of their lists, their modes, and the one decision (section 5).

use std::fmt;
use std::str::FromStr;

use mail::address::{AddressError, Domain, Mailbox};
use mail::id::EntryId;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What happens to notices from senders nobody decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Screening {
    /// Everything authorised is retrieved.
    #[default]
    Off,
    /// Everything authorised is retrieved, and who would have waited is shown.
    Observe,
    /// Unknown senders wait as contact attempts.
    On,
}

/// What happens to mail pushed by plain SMTP from a sender who is not allowed or not authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Legacy {
    /// Delivered.
    Deliver,
    /// Accepted, stored aside, shown among the contact attempts.
    Keep,
    /// Refused, the same for every sender.
    Refuse,
}

impl Legacy {
    /// What a mailbox does that was not told otherwise.
    pub const fn default_for(screening: Screening) -> Self {
        match screening {
            Screening::Off | Screening::Observe => Self::Deliver,
            Screening::On => Self::Keep,
        }
    }
}

/// Whom an entry speaks of. As text: `address`, `@domain`, `@.domain` (with subdomains), `list:ID`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// One address.
    Address(Mailbox),
    /// Every address of a domain.
    Domain(Domain),
    /// Every address of a domain and of what lies below it.
    DomainTree(Domain),
    /// A mailing list, by List-Id; its entry also binds the authenticated domain it was first seen from.
    List(String),
}

/// Which list an entry stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryList {
    /// Let in.
    Allow,
    /// Kept out.
    Block,
    /// Let in for a while, so many times.
    Expected,
    /// Let in because the owner wrote there.
    RepliedTo,
}

/// One entry of a mailbox's lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Names the entry in the history.
    pub id: EntryId,
    /// Which list.
    pub list: EntryList,
    /// Whom it speaks of.
    pub who: Who,
    /// Until when it counts; for ever if none.
    pub until: Option<Timestamp>,
    /// How many more messages it lets in; any number if none. Counted when a message is stored, never by a notice.
    pub remaining: Option<u32>,
    /// The REF an expected message must carry, if the entry names one.
    pub reference: Option<String>,
    /// For `Who::List`: the authenticated domain of the list.
    pub list_domain: Option<Domain>,
    /// When it was made.
    pub made: Timestamp,
    /// Through what: `cli`, `submission`, `page` ...
    pub through: String,
    /// Why, in the owner's or the program's words.
    pub reason: String,
    /// What proof the sender had when it was made, if they had written: `ip`, `tls`, `assert`.
    pub proof: Option<String>,
}

/// A text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhoError {
    /// Not an address, `@domain`, `@.domain` or `list:ID`.
    #[error("expected an address, @domain, @.domain (with subdomains) or list:ID: {0}")]
    Syntax(#[from] AddressError),
    /// `list:` and nothing.
    #[error("expected a List-Id after list:")]
    EmptyList,
    /// Allowing a public suffix would allow strangers.
    #[error("{0} is a public suffix: its subdomains belong to strangers")]
    PublicSuffix(Domain),
}

impl FromStr for Who {
    type Err = WhoError;

    fn from_str(text: &str) -> Result<Self, WhoError> {
        if let Some(id) = text.strip_prefix("list:") {
            let id = id.trim().trim_start_matches('<').trim_end_matches('>').to_ascii_lowercase();
            return if id.is_empty() { Err(WhoError::EmptyList) } else { Ok(Self::List(id)) };
        }
        if let Some(domain) = text.strip_prefix("@.") {
            return Ok(Self::DomainTree(domain.parse()?));
        }
        if let Some(domain) = text.strip_prefix('@') {
            return Ok(Self::Domain(domain.parse()?));
        }
        Ok(Self::Address(text.parse()?))
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(mailbox) => write!(f, "{mailbox}"),
            Self::Domain(domain) => write!(f, "@{domain}"),
            Self::DomainTree(domain) => write!(f, "@.{domain}"),
            Self::List(id) => write!(f, "list:{id}"),
        }
    }
}

impl Serialize for Who {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Who {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// All that the decision about one message for one recipient depends on.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The responsible address.
    pub sender: &'a Mailbox,
    /// The List-Id, where the notice or message names one.
    pub list_id: Option<&'a str>,
    /// The REF, where the notice carries one.
    pub reference: Option<&'a str>,
    /// The recipient, as the notice names it (plus-tag and all).
    pub recipient: &'a Mailbox,
    /// Every entry of the recipient that could match.
    pub entries: &'a [Entry],
    /// The recipient's screening mode.
    pub screening: Screening,
    /// The time.
    pub now: Timestamp,
}

/// The decision, and the rule that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Let in, show, or neither.
    pub verdict: crate::arrival::Verdict,
    /// Which step of the order decided, and by which entry.
    pub reason: Reason,
}

/// Which step of the order decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `postmaster@` and `abuse@` are never screened.
    RoleAddress,
    /// A block entry for the address.
    AddressBlocked(EntryId),
    /// An allow entry for the address.
    AddressAllowed(EntryId),
    /// An allow or block entry for the list.
    List(EntryId),
    /// A block entry for the domain.
    DomainBlocked(EntryId),
    /// An allow entry for the domain.
    DomainAllowed(EntryId),
    /// An expected entry.
    Expected(EntryId),
    /// The owner wrote there.
    RepliedTo(EntryId),
    /// Nobody decided: the mode did.
    Mode(Screening),
}
