//! What is told of mailboxes: LIST, LSUB, STATUS (RFC 9051 sections 7.3.1 and 7.3.4, RFC 5258).

use std::num::NonZeroU32;

use crate::imap::command::list::ListSelection;
use crate::imap::command::mailbox::SpecialUse;
use crate::imap::mailbox_name::MailboxName;
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// One mailbox, as LIST tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: MailboxName,
    /// How it is.
    pub attributes: Vec<Attribute>,
    /// What it is for.
    pub uses: Vec<SpecialUse>,
    /// `CHILDINFO`: by what mailboxes inside it would be selected; nothing if it was not asked for.
    pub child_info: Vec<ListSelection>,
    /// `OLDNAME`: what it was called before.
    pub old_name: Option<MailboxName>,
}

words! {
    /// How a mailbox is.
    Attribute {
        /// There is none of that name.
        NonExistent = "\\NonExistent",
        /// There can be none inside it.
        NoInferiors = "\\Noinferiors",
        /// It can't be selected.
        NoSelect = "\\Noselect",
        /// There are others inside it.
        HasChildren = "\\HasChildren",
        /// There are none inside it.
        HasNoChildren = "\\HasNoChildren",
        /// It has new messages.
        Marked = "\\Marked",
        /// It has none.
        Unmarked = "\\Unmarked",
        /// It is subscribed.
        Subscribed = "\\Subscribed",
    }
}

/// One thing that STATUS tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusValue {
    /// `MESSAGES`
    Messages(u32),
    /// `RECENT`
    Recent(u32),
    /// `UIDNEXT`
    UidNext(NonZeroU32),
    /// `UIDVALIDITY`
    UidValidity(NonZeroU32),
    /// `UNSEEN`
    Unseen(u32),
    /// `DELETED`
    Deleted(u32),
    /// `SIZE`
    Size(u64),
    /// `HIGHESTMODSEQ`
    HighestModSeq(u64),
    /// `APPENDLIMIT`; none if there is no limit.
    AppendLimit(Option<u64>),
    /// `MAILBOXID`
    MailboxId(String),
    /// `DELETED-STORAGE`
    DeletedStorage(u64),
}

impl Listed {
    /// A mailbox of which nothing but its name is told.
    pub fn new(name: MailboxName) -> Self {
        Self { name, attributes: Vec::new(), uses: Vec::new(), child_info: Vec::new(), old_name: None }
    }

    /// ```abnf
    /// mailbox-list = "(" [attribute *(SP attribute)] ")" SP DQUOTE "/" DQUOTE SP mailbox [SP "(" extended *(SP extended) ")"]
    /// extended     = "CHILDINFO" SP "(" DQUOTE option DQUOTE *(SP DQUOTE option DQUOTE) ")" / "OLDNAME" SP "(" mailbox ")"
    /// ```
    pub(super) fn write(&self, out: &mut Writer) {
        out.words(self.attributes.iter().map(|attribute| attribute.as_str()).chain(self.uses.iter().map(|special| special.as_str())));
        out.put(" \"/\" ").mailbox(&self.name);
        if !self.child_info.is_empty() {
            out.put(" (\"CHILDINFO\" ").list(&self.child_info, |out, option| out.string(option.as_str().as_bytes()).done());
            out.put(if self.old_name.is_some() { " " } else { ")" });
        }
        if let Some(old) = &self.old_name {
            out.put(if self.child_info.is_empty() { " (" } else { "" }).put("\"OLDNAME\" (").mailbox(old).put("))");
        }
    }
}

impl StatusValue {
    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Messages(count) => out.put("MESSAGES ").put(count),
            Self::Recent(count) => out.put("RECENT ").put(count),
            Self::UidNext(uid) => out.put("UIDNEXT ").put(uid),
            Self::UidValidity(validity) => out.put("UIDVALIDITY ").put(validity),
            Self::Unseen(count) => out.put("UNSEEN ").put(count),
            Self::Deleted(count) => out.put("DELETED ").put(count),
            Self::Size(octets) => out.put("SIZE ").put(octets),
            Self::HighestModSeq(modseq) => out.put("HIGHESTMODSEQ ").put(modseq),
            Self::AppendLimit(None) => out.put("APPENDLIMIT NIL"),
            Self::AppendLimit(Some(octets)) => out.put("APPENDLIMIT ").put(octets),
            Self::MailboxId(id) => out.put(format_args!("MAILBOXID ({id})")),
            Self::DeletedStorage(octets) => out.put("DELETED-STORAGE ").put(octets),
        };
    }
}
