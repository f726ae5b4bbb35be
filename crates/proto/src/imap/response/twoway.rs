//! What XTWOWAY tells: entries, contact attempts, modes, and their changes.

use mail::time::Timestamp;

use super::quoted_date;
use crate::imap::command::twoway::{Claims, Entry, EntryList, KEYWORD, Legacy, Modes, Screening, date_time};
use crate::imap::cursor::{Cursor, Read};
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

/// Reads what stands behind `XTWOWAY` in a response code: what to name for the next page. No astring: its `]` would be taken for
/// the end of the code.
///
/// ```abnf
/// resp-text-code =/ "XTWOWAY" SP "MORE" SP string
/// ```
pub(super) fn read_more(cursor: &mut Cursor<'_>) -> Read<String> {
    cursor.demand_word("MORE", "MORE")?;
    cursor.space()?;
    cursor.string_text("what to name for the next page")
}

/// All that waits from one sender, or came from one who would have had to wait.
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
    /// When the last of them goes, if they wait.
    pub expires: Option<Timestamp>,
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
        /// Not at all: the mailbox only observes who would have had to.
        Observed = "OBSERVED",
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

const ADDRESS: &str = "an address";
const FACT: &str = "a fact of a contact attempt";

impl Response {
    /// Reads what stands behind the keyword; `None` of a kind that we do not know. Words that we do not know are passed over with
    /// their value, wherever the grammar has pairs of them.
    ///
    /// ```abnf
    /// xtwoway-data = "XTWOWAY" SP ( "ENTRY" SP list-name SP who [SP "(" item *(SP item) ")"]
    ///              / "CONTACT" SP kind SP sender SP "(" fact *(SP fact) ")" / "MODES" SP "(" mode *(SP mode) ")"
    ///              / "GONE" SP ( "ENTRY" SP list-name SP who / "CONTACT" SP kind SP sender ) )
    /// kind         = "NOTICE" / "LEGACY" / "OBSERVED"
    /// fact         = "COUNT" SP number / "FIRST" SP date-time / "LAST" SP date-time / "SIZE" SP number64 / "EXPIRES" SP date-time
    ///              / "PROOF" SP ( "NONE" / "IP" / "DMARC" / "TLS" / "ASSERT" ) / "RETRIEVED" SP ( "YES" / "NO" )
    ///              / "NETWORK" SP astring / "NAME" SP astring / "SUBJECT" SP astring
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        cursor.space()?;
        let word = cursor.keyword("ENTRY, CONTACT, MODES or GONE")?.to_ascii_uppercase();
        cursor.space()?;
        Ok(match word.as_str() {
            "ENTRY" => read_entry(cursor)?.map(Self::Entry),
            "CONTACT" => match ContactKind::read(cursor)? {
                Some(kind) => Some(Self::Contact(Contact::read(cursor, kind)?)),
                None => None,
            },
            "MODES" => Some(Self::Modes(read_modes(cursor)?)),
            "GONE" if cursor.take_word("ENTRY") => {
                cursor.space()?;
                match EntryList::parse(cursor.keyword("a list")?) {
                    Some(list) => {
                        cursor.space()?;
                        Some(Self::EntryGone(list, cursor.text(ADDRESS)?))
                    }
                    None => None,
                }
            }
            "GONE" if cursor.take_word("CONTACT") => {
                cursor.space()?;
                match ContactKind::read(cursor)? {
                    Some(kind) => Some(Self::ContactGone(kind, cursor.text(ADDRESS)?)),
                    None => None,
                }
            }
            _ => None,
        })
    }

    /// As [`Self::read`] reads it.
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

fn read_entry(cursor: &mut Cursor<'_>) -> Read<Option<Entry>> {
    let Some(list) = EntryList::parse(cursor.keyword("a list")?) else { return Ok(None) };
    cursor.space()?;
    let mut entry = Entry { list, who: cursor.text(ADDRESS)?, until: None, count: None, reference: None, reason: None };
    if cursor.at_end() || !cursor.take(b' ') {
        return Ok(Some(entry));
    }
    cursor.list("what an entry says", |list| {
        let word = list.keyword("a word of an entry")?.to_ascii_uppercase();
        list.space()?;
        match word.as_str() {
            "UNTIL" => entry.until = Some(date_time(list)?),
            "COUNT" => entry.count = Some(list.nonzero("a number of messages")?),
            "REF" => entry.reference = Some(list.text("a reference")?),
            "REASON" => entry.reason = Some(list.text("a reason")?),
            _ => list.skip_value()?,
        }
        Ok(())
    })?;
    Ok(Some(entry))
}

fn read_modes(cursor: &mut Cursor<'_>) -> Read<Modes> {
    let mut modes = Modes::default();
    cursor.list("modes", |list| {
        let word = list.keyword("a mode")?.to_ascii_uppercase();
        list.space()?;
        let mut ahead = list.clone();
        // A value that we do not know is no mode of ours.
        let value = ahead.keyword("a mode").unwrap_or_default();
        match word.as_str() {
            "SCREENING" => modes.screening = Screening::parse(value),
            "LEGACY" => modes.legacy = Legacy::parse(value),
            "CLAIMS" => modes.claims = Claims::parse(value),
            _ => {}
        }
        list.skip_value()
    })?;
    Ok(modes)
}

impl ContactKind {
    /// A kind and the space behind it; `None` if we do not know it.
    fn read(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        let kind = Self::parse(cursor.keyword("NOTICE, LEGACY or OBSERVED")?);
        cursor.space()?;
        Ok(kind)
    }
}

impl Contact {
    fn read(cursor: &mut Cursor<'_>, kind: ContactKind) -> Read<Self> {
        let sender = cursor.text(ADDRESS)?;
        cursor.space()?;
        let before = cursor.clone();
        let (mut count, mut first, mut last, mut size_octets, mut expires) = (None, None, None, None, None);
        let (mut proof, mut retrieved_before, mut network) = (None, false, None);
        let (mut claimed_name, mut claimed_subject) = (None, None);
        cursor.list1(FACT, |list| {
            let word = list.keyword(FACT)?.to_ascii_uppercase();
            list.space()?;
            match word.as_str() {
                "COUNT" => count = Some(list.number("a number of messages")?),
                "FIRST" => first = Some(date_time(list)?),
                "LAST" => last = Some(date_time(list)?),
                "SIZE" => size_octets = Some(list.number64("a number of octets")?),
                "EXPIRES" => expires = Some(date_time(list)?),
                // What we do not know proves nothing to us.
                "PROOF" => proof = Some(Proof::parse(list.keyword("a proof")?).unwrap_or(Proof::Nothing)),
                "RETRIEVED" => retrieved_before = list.keyword("YES or NO")?.eq_ignore_ascii_case("YES"),
                "NETWORK" => network = Some(list.text("a network")?),
                "NAME" => claimed_name = Some(list.text("a name")?),
                "SUBJECT" => claimed_subject = Some(list.text("a subject")?),
                _ => list.skip_value()?,
            }
            Ok(())
        })?;
        let (Some(count), Some(first), Some(last), Some(size_octets)) = (count, first, last, size_octets) else {
            return before.expected("COUNT, FIRST, LAST and SIZE");
        };
        if expires.is_none() && kind != ContactKind::Observed {
            return before.expected("EXPIRES of what waits");
        }
        let evidence = proof.map(|proof| Evidence { proof, retrieved_before, network });
        Ok(Self { kind, sender, count, first, last, size_octets, expires, evidence, claimed_name, claimed_subject })
    }

    fn write(&self, out: &mut Writer) {
        out.put(self.kind).put(" ").astring(self.sender.as_bytes());
        out.put(format_args!(" (COUNT {} FIRST {}", self.count, quoted_date(self.first)));
        out.put(format_args!(" LAST {} SIZE {}", quoted_date(self.last), self.size_octets));
        if let Some(expires) = self.expires {
            out.put(format_args!(" EXPIRES {}", quoted_date(expires)));
        }
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
