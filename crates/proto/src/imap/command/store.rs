//! Commands that change messages: STORE, COPY, MOVE (RFC 9051 sections 6.4.6 to 6.4.8, RFC 7162 section 3.1.3).

use super::Numbering;
use crate::imap::cursor::{Cursor, Read};
use crate::imap::flag::Flag;
use crate::imap::mailbox_name::MailboxName;
use crate::imap::sequence_set::Messages;
use crate::imap::writer::Writer;

/// STORE or UID STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// What the numbers are.
    pub numbering: Numbering,
    /// Of which messages.
    pub messages: Messages,
    /// Only where nothing has changed since (RFC 7162).
    pub unchanged_since: Option<u64>,
    /// How.
    pub change: FlagChange,
    /// Whether the new flags are told.
    pub telling: Telling,
    /// Which flags.
    pub flags: Vec<Flag>,
}

/// How STORE changes flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChange {
    /// `FLAGS`: these and no others.
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}

/// Whether STORE tells the new flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It does.
    Told,
    /// `.SILENT`
    Silent,
}

/// COPY or MOVE, or their UID forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// What the numbers are.
    pub numbering: Numbering,
    /// Which messages.
    pub messages: Messages,
    /// Where to.
    pub mailbox: MailboxName,
}

const CHANGE: &str = "FLAGS, +FLAGS or -FLAGS, with or without .SILENT";

impl Store {
    /// ```abnf
    /// store = "STORE" SP sequence-set [SP "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")"] SP
    ///         ["+" / "-"] "FLAGS" [".SILENT"] SP ( flag-list / flag *(SP flag) )
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>, numbering: Numbering) -> Read<Self> {
        let messages = super::messages(cursor)?;
        cursor.space()?;
        let mut unchanged_since = None;
        if cursor.take(b'(') {
            cursor.demand_word("UNCHANGEDSINCE", "UNCHANGEDSINCE")?;
            cursor.space()?;
            unchanged_since = Some(cursor.number64("a modification sequence")?);
            cursor.demand(b')', ")")?;
            cursor.space()?;
        }
        let change = if cursor.take(b'+') {
            FlagChange::Add
        } else if cursor.take(b'-') {
            FlagChange::Remove
        } else {
            FlagChange::Replace
        };
        let telling = if cursor.take_word("FLAGS.SILENT") {
            Telling::Silent
        } else {
            cursor.demand_word("FLAGS", CHANGE)?;
            Telling::Told
        };
        cursor.space()?;
        let mut flags = Vec::new();
        if cursor.peek() == Some(b'(') {
            flags = cursor.list("flags", Cursor::flag)?;
        } else {
            flags.push(cursor.flag()?);
            while !cursor.at_end() {
                cursor.space()?;
                flags.push(cursor.flag()?);
            }
        }
        // The server's to set (RFC 3501 section 2.3.2): asking for it changes nothing.
        flags.retain(|flag| *flag != Flag::Recent);
        Ok(Self { numbering, messages, unchanged_since, change, telling, flags })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&self.messages);
        if let Some(modseq) = self.unchanged_since {
            out.put(format_args!(" (UNCHANGEDSINCE {modseq})"));
        }
        out.put(match self.change {
            FlagChange::Replace => " FLAGS",
            FlagChange::Add => " +FLAGS",
            FlagChange::Remove => " -FLAGS",
        });
        out.put(if self.telling == Telling::Silent { ".SILENT " } else { " " }).words(&self.flags);
    }
}

impl Copy {
    /// `copy = ( "COPY" / "MOVE" ) SP sequence-set SP mailbox`
    pub(super) fn read(cursor: &mut Cursor<'_>, numbering: Numbering) -> Read<Self> {
        let messages = super::messages(cursor)?;
        cursor.space()?;
        Ok(Self { numbering, messages, mailbox: cursor.mailbox()? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&self.messages).put(" ").mailbox(&self.mailbox);
    }
}
