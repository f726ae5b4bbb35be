//! What XTWOWAY tells: entries, contact attempts, modes, and their changes.

use mail::time::Timestamp;

use super::quoted_date;
use crate::imap::command::twoway::{Entry, EntryList, KEYWORD, Modes};
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// One response of the extension. The same are told as answers and, to who watches, as changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// An entry that stands.
    Entry(Entry),
    /// An entry that is gone: its list, and whom it spoke of.
    EntryGone(EntryList, String),
    /// All that waits from one sender.
    Contact(Contact),
    /// Nothing waits from this sender any more.
    ContactGone(ContactKind, String),
    /// The modes.
    Modes(Modes),
}

/// All that waits from one sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// How it waits.
    pub kind: ContactKind,
    /// The responsible address.
    pub sender: String,
    /// How many messages.
    pub count: u32,
    /// When the first was heard of.
    pub first: Timestamp,
    /// When the last was.
    pub last: Timestamp,
    /// Of all of them.
    pub size_octets: u64,
    /// When the last of them goes.
    pub expires: Timestamp,
    /// What proves who it is, if that was asked for.
    pub evidence: Option<Evidence>,
    /// The name that the sender claims, if claims are shown.
    pub claimed_name: Option<String>,
    /// The subject that the sender claims, if claims are shown.
    pub claimed_subject: Option<String>,
}

/// What proves who a sender is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// By which rule.
    pub proof: Proof,
    /// Whether anything was ever retrieved from the sender's domain.
    pub retrieved_before: bool,
    /// Where the notifier dialled from, if it is known.
    pub network: Option<String>,
}

words! {
    /// How messages wait.
    ContactKind {
        /// At their origin, which gave notices.
        Notice = "NOTICE",
        /// Here: pushed by ordinary SMTP and kept aside.
        Legacy = "LEGACY",
    }
}

words! {
    /// The rule by which a sender's domain was proved.
    Proof {
        /// None.
        Nothing = "NONE",
        /// An address that the domain publishes.
        Address = "IP",
        /// An aligned DMARC pass.
        Dmarc = "DMARC",
        /// A certificate of a host that the domain publishes.
        Certificate = "TLS",
        /// The domain's key.
        Assertion = "ASSERT",
    }
}

impl Response {
    /// ```abnf
    /// xtwoway-data = "XTWOWAY" SP ( "ENTRY" SP list-name SP who [SP "(" item *(SP item) ")"]
    ///              / "CONTACT" SP kind SP sender SP "(" fact *(SP fact) ")" / "MODES" SP "(" mode *(SP mode) ")"
    ///              / "GONE" SP ( "ENTRY" SP list-name SP who / "CONTACT" SP kind SP sender ) )
    /// kind         = "NOTICE" / "LEGACY"
    /// fact         = "COUNT" SP number / "FIRST" SP date-time / "LAST" SP date-time / "SIZE" SP number64 / "EXPIRES" SP date-time
    ///              / "PROOF" SP ( "NONE" / "IP" / "DMARC" / "TLS" / "ASSERT" ) / "RETRIEVED" SP ( "YES" / "NO" )
    ///              / "NETWORK" SP astring / "NAME" SP astring / "SUBJECT" SP astring
    /// ```
    pub(super) fn write(&self, out: &mut Writer) {
        out.put(KEYWORD);
        match self {
            Self::Entry(entry) => entry.write(out.put(" ENTRY ")),
            Self::EntryGone(list, who) => out.put(" GONE ENTRY ").put(list).put(" ").astring(who.as_bytes()).done(),
            Self::Contact(contact) => contact.write(out.put(" CONTACT ")),
            Self::ContactGone(kind, sender) => out.put(" GONE CONTACT ").put(kind).put(" ").astring(sender.as_bytes()).done(),
            Self::Modes(modes) => modes.write(out.put(" MODES ")),
        }
    }
}

impl Contact {
    fn write(&self, out: &mut Writer) {
        out.put(self.kind).put(" ").astring(self.sender.as_bytes());
        out.put(format_args!(" (COUNT {} FIRST {}", self.count, quoted_date(self.first)));
        out.put(format_args!(" LAST {} SIZE {}", quoted_date(self.last), self.size_octets));
        out.put(format_args!(" EXPIRES {}", quoted_date(self.expires)));
        if let Some(evidence) = &self.evidence {
            let retrieved = if evidence.retrieved_before { "YES" } else { "NO" };
            out.put(format_args!(" PROOF {} RETRIEVED {retrieved}", evidence.proof));
            if let Some(network) = &evidence.network {
                out.put(" NETWORK ").astring(network.as_bytes());
            }
        }
        for (word, claim) in [("NAME", &self.claimed_name), ("SUBJECT", &self.claimed_subject)] {
            if let Some(claim) = claim {
                out.put(format_args!(" {word} ")).astring(claim.as_bytes());
            }
        }
        out.put(")");
    }
}
