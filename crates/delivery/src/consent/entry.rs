//! Whom an entry of a mailbox's lists speaks of, how it is written, and by which keys it is found.

use std::fmt;
use std::str::FromStr;

use mail::address::{AddressError, Domain, Mailbox};
use mail::id::EntryId;
use mail::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::freemail;

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
    /// A site address: `who` is an address of the recipient (`user+shop.k7x@`), given to one site only. It lets in
    /// the first authenticated domain from which a message was stored, and no other.
    Site,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How many more messages it lets in; any number if none. Counted when a message is stored, never by a notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u32>,
    /// The REF an expected message must carry, if the entry names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// For lists and site addresses: the authenticated domain that the entry is bound to, once it is. An entry
    /// is bound when a message it let in was stored, never by a notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list_domain: Option<Domain>,
    /// When it was made.
    pub made: Timestamp,
    /// Through what: `cli`, `submission`, `page` ...
    pub through: String,
    /// Why, in the owner's or the program's words.
    pub reason: String,
    /// What proof the sender had when it was made, if they had written: `ip`, `tls`, `assert`.
    #[serde(skip_serializing_if = "Option::is_none")]
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

/// What the owner should hear before an entry lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Caution {
    /// Anybody can have an address there.
    #[error("anybody can have an address at {0}: this lets in strangers")]
    Freemail(Domain),
}

impl Who {
    /// Whether an entry that lets in may speak of these, and what its owner should hear first.
    ///
    /// # Errors
    /// The domain is a public suffix. (Blocking one is the owner's right.)
    pub fn may_be_let_in(&self) -> Result<Option<Caution>, WhoError> {
        match self {
            Self::Domain(domain) | Self::DomainTree(domain) if is_public_suffix(domain) => Err(WhoError::PublicSuffix(domain.clone())),
            Self::Domain(domain) | Self::DomainTree(domain) if freemail::is_freemail(domain) => Ok(Some(Caution::Freemail(domain.clone()))),
            Self::Address(_) | Self::Domain(_) | Self::DomainTree(_) | Self::List(_) => Ok(None),
        }
    }

    /// Whether this is who wrote, or the list that it came over.
    pub fn speaks_of(&self, sender: &Mailbox, list: Option<&str>) -> bool {
        match self {
            Self::Address(mailbox) => sender == mailbox,
            Self::Domain(domain) => sender.domain() == domain,
            Self::DomainTree(domain) => sender.domain().is_within(domain),
            Self::List(id) => list.is_some_and(|list| list.eq_ignore_ascii_case(id)),
        }
    }

    /// The form to compare and store by. Two entries of one list with one key speak of the same.
    pub fn key(&self) -> String {
        match self {
            Self::Address(mailbox) => mailbox.key(),
            Self::Domain(_) | Self::DomainTree(_) | Self::List(_) => self.to_string(),
        }
    }
}

impl Entry {
    /// What the entry is found by: see [`keys_for`].
    pub fn key(&self) -> String {
        match self.list {
            EntryList::Site => format!("{SITE_PREFIX}{}", self.who.key()),
            EntryList::Allow | EntryList::Block | EntryList::Expected | EntryList::RepliedTo => self.who.key(),
        }
    }

    /// Whether the entry counts: neither past its time nor used up.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until) && self.remaining != Some(0)
    }
}

/// Before the key of a site address, which is compared with the recipient. No address has a colon unquoted.
const SITE_PREFIX: &str = "site:";

/// The keys of every entry that could matter to a message: all entries whose [`Entry::key`] is none of these
/// are about somebody else.
pub fn keys_for(sender: &Mailbox, recipient: &Mailbox, list: Option<&str>) -> Vec<String> {
    let domain = sender.domain();
    let mut keys = vec![sender.key(), format!("@{domain}"), format!("{SITE_PREFIX}{}", recipient.key())];
    let mut above = Some(domain.as_str());
    while let Some(name) = above {
        keys.push(format!("@.{name}"));
        above = name.split_once('.').map(|(_label, rest)| rest);
    }
    keys.extend(list.map(list_id).filter(|id| !id.is_empty()).map(|id| format!("list:{id}")));
    keys
}

/// A List-Id as entries keep it: what stands between the angle brackets, in lower case (RFC 2919 section 2).
pub(super) fn list_id(text: &str) -> String {
    let inner = text.rsplit_once('<').map_or(text, |(_phrase, rest)| rest);
    inner.split('>').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether everything below this domain belongs to strangers (publicsuffix.org, both of its sections).
pub(super) fn is_public_suffix(domain: &Domain) -> bool {
    psl::suffix(domain.as_str().as_bytes()).is_some_and(|suffix| suffix.as_bytes() == domain.as_str().as_bytes())
}

/// The part of a domain that somebody registered: one label below its public suffix; the domain itself if none is.
pub(crate) fn registered(domain: &str) -> &str {
    psl::domain_str(domain).unwrap_or(domain)
}

impl FromStr for Who {
    type Err = WhoError;

    fn from_str(text: &str) -> Result<Self, WhoError> {
        if let Some(id) = text.strip_prefix("list:") {
            let id = list_id(id);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn who(text: &str) -> Who {
        text.parse().unwrap()
    }

    #[test]
    fn whom_an_entry_speaks_of_is_told_by_sender_and_list() {
        let sender = "alice@sub.a.test".parse().unwrap();
        for (text, list, expected) in [
            ("alice@sub.a.test", None, true),
            ("ALICE@sub.a.test", None, true),
            ("bob@sub.a.test", None, false),
            ("@sub.a.test", None, true),
            ("@a.test", None, false),
            ("@.a.test", None, true),
            ("@.b.test", None, false),
            ("list:dev.a.test", Some("Dev.A.test"), true),
            ("list:dev.a.test", Some("other.a.test"), false),
            ("list:dev.a.test", None, false),
        ] {
            assert_eq!(who(text).speaks_of(&sender, list), expected, "{text} over {list:?}");
        }
    }

    #[test]
    fn whom_an_entry_speaks_of_reads_back_as_it_was_written() {
        for text in ["alice@a.test", "@a.test", "@.a.test", "list:dev.lists.a.test"] {
            assert_eq!(who(text).to_string(), text);
        }
        for text in ["list:Developers <Dev.Lists.A.Test>", "list:dev.lists.a.test>", "list: < dev.lists.a.test > (developers)>\r>>"] {
            assert_eq!(who(text), who("list:dev.lists.a.test"), "{text}");
        }
        assert_eq!(who("Alice@A.test").key(), "alice@a.test");
        for text in ["", "a.test", "@", "@.", "list:", "list:<>", "alice@"] {
            assert!(text.parse::<Who>().is_err(), "{text}");
        }
    }

    #[test]
    fn whole_suffixes_are_never_let_in_and_freemail_only_after_a_word() {
        for text in ["@com", "@.co.uk", "@.github.io", "@test"] {
            assert!(matches!(who(text).may_be_let_in(), Err(WhoError::PublicSuffix(_))), "{text}");
        }
        for text in ["@gmail.com", "@.proton.me", "@mail.gmail.com"] {
            assert!(matches!(who(text).may_be_let_in(), Ok(Some(Caution::Freemail(_)))), "{text}");
        }
        for text in ["@a.test", "@.example.co.uk", "alice@gmail.com", "list:dev.googlegroups.com"] {
            assert_eq!(who(text).may_be_let_in(), Ok(None), "{text}");
        }
    }

    #[test]
    fn the_keys_of_a_message_find_every_entry_that_could_matter() {
        let (sender, recipient) = ("Alice+x@Mail.A.test".parse().unwrap(), "Bob+Shop@b.test".parse().unwrap());
        let keys = keys_for(&sender, &recipient, Some("Dev <DEV.a.test>"));
        let expected =
            ["alice+x@mail.a.test", "@mail.a.test", "site:bob+shop@b.test", "@.mail.a.test", "@.a.test", "@.test", "list:dev.a.test"];
        assert_eq!(keys, expected);
        assert!(!keys_for(&sender, &recipient, None).iter().any(|key| key.starts_with("list:")));
    }
}
