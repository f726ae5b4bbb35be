//! What is told of mailboxes: LIST, LSUB, STATUS (RFC 9051 sections 7.3.1 and 7.3.4, RFC 5258).

use std::num::NonZeroU32;

use crate::imap::command::list::ListSelection;
use crate::imap::command::mailbox::SpecialUse;
use crate::imap::cursor::{Cursor, Read, is_astring};
use crate::imap::mailbox_name::{self, MailboxName};
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// One mailbox, as LIST tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: MailboxName,
    /// What stands between it and those inside it; none if there can be none inside.
    pub delimiter: Option<char>,
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

/// Which names are whose (RFC 2342).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespaces {
    /// The user's own.
    pub personal: Vec<Namespace>,
    /// Those of other users.
    pub others: Vec<Namespace>,
    /// Those of many.
    pub shared: Vec<Namespace>,
}

/// Names with one beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// With what they begin.
    pub prefix: String,
    /// What stands between their parts.
    pub delimiter: Option<char>,
}

impl Listed {
    /// A mailbox of which nothing but its name is told.
    pub fn new(name: MailboxName) -> Self {
        let delimiter = Some(mailbox_name::DELIMITER);
        Self { name, delimiter, attributes: Vec::new(), uses: Vec::new(), child_info: Vec::new(), old_name: None }
    }

    /// Reads what stands behind `LIST`; of an empty name, the delimiter alone. Attributes that we do not know are passed over.
    ///
    /// ```abnf
    /// mailbox-list = "(" [attribute *(SP attribute)] ")" SP delimiter SP mailbox [SP "(" [extended *(SP extended)] ")"]
    /// delimiter    = DQUOTE QUOTED-CHAR DQUOTE / NIL
    /// extended     = "CHILDINFO" SP "(" DQUOTE option DQUOTE *(SP DQUOTE option DQUOTE) ")" / "OLDNAME" SP "(" mailbox ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Result<Self, Option<char>>> {
        let (mut attributes, mut uses) = (Vec::new(), Vec::new());
        cursor.list("attributes", |list| {
            let word = list.run("an attribute", |octet| is_astring(octet) || octet == b'\\')?;
            attributes.extend(Attribute::parse(word));
            uses.extend(SpecialUse::parse(word));
            Ok(())
        })?;
        cursor.space()?;
        let delimiter = read_delimiter(cursor)?;
        cursor.space()?;
        let mut ahead = cursor.clone();
        if ahead.astring("a mailbox name")?.is_empty() {
            *cursor = ahead;
            return Ok(Err(delimiter));
        }
        let mut listed = Self { name: cursor.mailbox()?, delimiter, attributes, uses, child_info: Vec::new(), old_name: None };
        if !cursor.at_end() && cursor.take(b' ') {
            cursor.list("extended data", |list| listed.read_extended(list))?;
        }
        Ok(Ok(listed))
    }

    /// Whether that it can't be read is for want of a name that we could say: then it is passed over, and the session goes on.
    pub(super) fn has_unusable_name(mut cursor: Cursor<'_>) -> bool {
        let mut skip = || {
            cursor.skip_value()?;
            cursor.space()?;
            cursor.skip_value()?;
            cursor.space()
        };
        let found = skip().is_ok();
        found && cursor.clone().astring("a mailbox name").is_ok() && cursor.mailbox().is_err()
    }

    fn read_extended(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        let tag = cursor.text("the name of extended data")?.to_ascii_uppercase();
        cursor.space()?;
        match tag.as_str() {
            "CHILDINFO" => {
                let options = cursor.list("options", |list| list.text("an option"))?;
                self.child_info = options.iter().filter_map(|option| ListSelection::parse(option)).collect();
                Ok(())
            }
            "OLDNAME" => {
                self.old_name = cursor.list1("a name", Cursor::mailbox)?.pop();
                Ok(())
            }
            _ => cursor.skip_value(),
        }
    }

    /// As [`Self::read`] reads it.
    pub(super) fn write(&self, out: &mut Writer) {
        out.words(self.attributes.iter().map(|attribute| attribute.as_str()).chain(self.uses.iter().map(|special| special.as_str())));
        write_delimiter(self.delimiter, out.put(" "));
        out.put(" ").mailbox(&self.name);
        if !self.child_info.is_empty() {
            out.put(" (\"CHILDINFO\" ").list(&self.child_info, |out, option| out.string(option.as_str().as_bytes()).done());
            out.put(if self.old_name.is_some() { " " } else { ")" });
        }
        if let Some(old) = &self.old_name {
            out.put(if self.child_info.is_empty() { " (" } else { "" }).put("\"OLDNAME\" (").mailbox(old).put("))");
        }
    }
}

impl Namespaces {
    /// Everything is the user's own, below no prefix.
    pub fn one() -> Self {
        let all = Namespace { prefix: String::new(), delimiter: Some(mailbox_name::DELIMITER) };
        Self { personal: vec![all], ..Self::default() }
    }

    /// ```abnf
    /// namespace-response = "NAMESPACE" SP namespace SP namespace SP namespace     ; one's own, those of others, shared
    /// namespace          = "(" 1*( "(" string SP delimiter *(SP string SP value) ")" ) ")" / NIL
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let personal = Namespace::read_all(cursor)?;
        cursor.space()?;
        let others = Namespace::read_all(cursor)?;
        cursor.space()?;
        Ok(Self { personal, others, shared: Namespace::read_all(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.spaced([&self.personal, &self.others, &self.shared], |out, all| {
            if all.is_empty() {
                return out.put("NIL").done();
            }
            out.put("(");
            for namespace in all {
                out.put("(").quoted_name(&namespace.prefix).put(" ");
                write_delimiter(namespace.delimiter, out);
                out.put(")");
            }
            out.put(")");
        });
    }
}

impl Namespace {
    fn read_all(cursor: &mut Cursor<'_>) -> Read<Vec<Self>> {
        const FORM: &str = "namespaces, or NIL";
        let mut all = Vec::new();
        if cursor.take_word("NIL") {
            return Ok(all);
        }
        cursor.demand(b'(', FORM)?;
        while !cursor.take(b')') {
            cursor.demand(b'(', FORM)?;
            let before = cursor.clone();
            let octets = cursor.string("a prefix")?;
            let Some(prefix) = cursor.names.decode(&octets) else { return before.expected("a prefix") };
            cursor.space()?;
            let delimiter = read_delimiter(cursor)?;
            while cursor.take(b' ') {
                cursor.skip_value()?;
            }
            cursor.demand(b')', FORM)?;
            cursor.take(b' ');
            all.push(Self { prefix, delimiter });
        }
        Ok(all)
    }
}

fn read_delimiter(cursor: &mut Cursor<'_>) -> Read<Option<char>> {
    const FORM: &str = "a delimiter in quotes, or NIL";
    if cursor.take_word("NIL") {
        return Ok(None);
    }
    let before = cursor.clone();
    let text = cursor.string_text(FORM)?;
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(delimiter), None) => Ok(Some(delimiter)),
        // Seen in the wild, for none.
        (None, _) => Ok(None),
        _ => before.expected(FORM),
    }
}

pub(super) fn write_delimiter(delimiter: Option<char>, out: &mut Writer) {
    match delimiter {
        None => out.put("NIL"),
        Some(delimiter) => out.string(delimiter.to_string().as_bytes()),
    };
}

impl StatusValue {
    /// One value; `None` of one that we do not know.
    ///
    /// ```abnf
    /// status-att-val = ( "MESSAGES" / "RECENT" / "UNSEEN" / "DELETED" ) SP number / ( "UIDNEXT" / "UIDVALIDITY" ) SP nz-number
    ///                / ( "SIZE" / "HIGHESTMODSEQ" / "DELETED-STORAGE" ) SP number64 / "APPENDLIMIT" SP ( number64 / NIL )
    ///                / "MAILBOXID" SP "(" objectid ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        const COUNT: &str = "a number";
        let word = cursor.keyword("a word of STATUS")?.to_ascii_uppercase();
        cursor.space()?;
        Ok(Some(match word.as_str() {
            "MESSAGES" => Self::Messages(cursor.number(COUNT)?),
            "RECENT" => Self::Recent(cursor.number(COUNT)?),
            "UIDNEXT" => Self::UidNext(cursor.nonzero(COUNT)?),
            "UIDVALIDITY" => Self::UidValidity(cursor.nonzero(COUNT)?),
            "UNSEEN" => Self::Unseen(cursor.number(COUNT)?),
            "DELETED" => Self::Deleted(cursor.number(COUNT)?),
            "SIZE" => Self::Size(cursor.number64(COUNT)?),
            "HIGHESTMODSEQ" => Self::HighestModSeq(cursor.number64(COUNT)?),
            "APPENDLIMIT" if cursor.take_word("NIL") => Self::AppendLimit(None),
            "APPENDLIMIT" => Self::AppendLimit(Some(cursor.number64(COUNT)?)),
            "MAILBOXID" => Self::MailboxId(cursor.object_id()?),
            "DELETED-STORAGE" => Self::DeletedStorage(cursor.number64(COUNT)?),
            _ => {
                cursor.skip_value()?;
                return Ok(None);
            }
        }))
    }

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
