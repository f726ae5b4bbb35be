//! Commands about one mailbox: SELECT, CREATE, RENAME, STATUS (RFC 9051 sections 6.3.2 to 6.3.11, RFC 7162, RFC 6154).

use std::num::NonZeroU32;

pub use mail::special_use::SpecialUse;

use crate::imap::cursor::{Cursor, Read};
use crate::imap::mailbox_name::MailboxName;
use crate::imap::sequence_set::SequenceSet;
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// SELECT or EXAMINE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Which mailbox.
    pub mailbox: MailboxName,
    /// SELECT or EXAMINE.
    pub access: Access,
    /// `CONDSTORE`: tell modification sequences from now on (RFC 7162 section 3.1.8).
    pub condstore: bool,
    /// What the client knows of the mailbox (RFC 7162 section 3.2.5).
    pub qresync: Option<Qresync>,
}

/// What may be done to a selected mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// SELECT
    ReadWrite,
    /// EXAMINE
    ReadOnly,
}

/// Where a client's copy of a mailbox stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qresync {
    /// Of the mailbox it has copied.
    pub uid_validity: NonZeroU32,
    /// It knows all changes up to this.
    pub modseq: u64,
    /// The UIDs it knows, if it says so.
    pub known: Option<SequenceSet>,
    /// Some sequence numbers and the UIDs they had: `1,3:4 11,13:14`.
    pub matches: Option<(SequenceSet, SequenceSet)>,
}

/// CREATE, with what the mailbox is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// Its name; a delimiter at the end, which announces mailboxes inside it, is gone (RFC 9051 section 6.3.4).
    pub mailbox: MailboxName,
    /// `USE` (RFC 6154 section 3); nothing if none was asked for.
    pub uses: Vec<SpecialUse>,
}

words! {
    /// What STATUS can tell of a mailbox.
    StatusItem {
        /// How many messages.
        Messages = "MESSAGES",
        /// How many with `\Recent`; gone with RFC 9051.
        Recent = "RECENT",
        /// The next UID.
        UidNext = "UIDNEXT",
        /// Whether UIDs are those of before.
        UidValidity = "UIDVALIDITY",
        /// How many without `\Seen`.
        Unseen = "UNSEEN",
        /// How many with `\Deleted`.
        Deleted = "DELETED",
        /// Octets of all messages (RFC 8438).
        Size = "SIZE",
        /// The last change (RFC 7162).
        HighestModSeq = "HIGHESTMODSEQ",
        /// Octets of one message at most (RFC 7889).
        AppendLimit = "APPENDLIMIT",
        /// The mailbox's id, whatever its name (RFC 8474).
        MailboxId = "MAILBOXID",
        /// Octets of what EXPUNGE would free (RFC 9208).
        DeletedStorage = "DELETED-STORAGE",
    }
}

const SELECT_PARAMETER: &str = "CONDSTORE or QRESYNC";
const QRESYNC: &str = "(uidvalidity modseq [known-uids] [(sequence-set uid-set)])";

impl Select {
    /// ```abnf
    /// select       = ( "SELECT" / "EXAMINE" ) SP mailbox [SP "(" select-param *(SP select-param) ")"]
    /// select-param = "CONDSTORE" / "QRESYNC" SP "(" nz-number SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>, access: Access) -> Read<Self> {
        let mut select = Self { mailbox: cursor.mailbox()?, access, condstore: false, qresync: None };
        if cursor.at_end() || !cursor.take(b' ') {
            return Ok(select);
        }
        cursor.list1(SELECT_PARAMETER, |list| {
            if list.take_word("CONDSTORE") {
                select.condstore = true;
            } else {
                list.demand_word("QRESYNC", SELECT_PARAMETER)?;
                list.space()?;
                select.qresync = Some(Qresync::read(list)?);
            }
            Ok(())
        })?;
        Ok(select)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.mailbox(&self.mailbox);
        if !self.condstore && self.qresync.is_none() {
            return;
        }
        out.put(" (").put(if self.condstore { "CONDSTORE" } else { "" });
        if let Some(qresync) = &self.qresync {
            out.put(if self.condstore { " QRESYNC (" } else { "QRESYNC (" });
            qresync.write(out);
            out.put(")");
        }
        out.put(")");
    }
}

impl Qresync {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        cursor.demand(b'(', QRESYNC)?;
        let uid_validity = cursor.nonzero(QRESYNC)?;
        cursor.space()?;
        let mut qresync = Self { uid_validity, modseq: cursor.number64(QRESYNC)?, known: None, matches: None };
        if cursor.take(b' ') {
            if cursor.peek() != Some(b'(') {
                qresync.known = Some(plain_set(cursor)?);
            }
            if qresync.known.is_none() || cursor.take(b' ') {
                cursor.demand(b'(', QRESYNC)?;
                let sequence = plain_set(cursor)?;
                cursor.space()?;
                qresync.matches = Some((sequence, plain_set(cursor)?));
                cursor.demand(b')', QRESYNC)?;
            }
        }
        cursor.demand(b')', QRESYNC)?;
        Ok(qresync)
    }

    fn write(&self, out: &mut Writer) {
        out.put(self.uid_validity).put(" ").put(self.modseq);
        if let Some(known) = &self.known {
            out.put(" ").put(known);
        }
        if let Some((sequence, uids)) = &self.matches {
            out.put(format_args!(" ({sequence} {uids})"));
        }
    }
}

/// A set that may not name `*` (RFC 7162 section 3.2.5.1).
fn plain_set(cursor: &mut Cursor<'_>) -> Read<SequenceSet> {
    let before = cursor.clone();
    let set = cursor.sequence_set()?;
    if set.names_last() { before.expected("a set of numbers without *") } else { Ok(set) }
}

impl Create {
    /// `create = "CREATE" SP mailbox [SP "(" "USE" SP "(" [use-attr *(SP use-attr)] ")" ")"]`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "(USE (\\Archive ...))";
        let before = cursor.clone();
        let name = cursor.mailbox()?;
        let plain = name.as_str().trim_end_matches(crate::imap::mailbox_name::DELIMITER);
        let Some(mailbox) = MailboxName::new(plain) else { return before.expected("a mailbox name") };
        if cursor.at_end() || !cursor.take(b' ') {
            return Ok(Self { mailbox, uses: Vec::new() });
        }
        cursor.demand(b'(', FORM)?;
        cursor.demand_word("USE", FORM)?;
        cursor.space()?;
        let uses = cursor.list(FORM, special_use)?;
        cursor.demand(b')', FORM)?;
        Ok(Self { mailbox, uses })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.mailbox(&self.mailbox);
        if !self.uses.is_empty() {
            out.put(" (USE ").words(&self.uses).put(")");
        }
    }
}

/// `use-attr`
fn special_use(cursor: &mut Cursor<'_>) -> Read<SpecialUse> {
    const FORM: &str = "a special use of RFC 6154";
    let before = cursor.clone();
    cursor.demand(b'\\', FORM)?;
    let word = format!("\\{}", cursor.atom(FORM)?);
    SpecialUse::parse(&word).map_or_else(|| before.expected(FORM), Ok)
}

/// `status-att`, in a list.
pub(super) fn status_items(cursor: &mut Cursor<'_>) -> Read<Vec<StatusItem>> {
    const FORM: &str = "a list of what STATUS can tell";
    cursor.list1(FORM, |list| {
        let before = list.clone();
        StatusItem::parse(list.keyword(FORM)?).map_or_else(|| before.expected(FORM), Ok)
    })
}
