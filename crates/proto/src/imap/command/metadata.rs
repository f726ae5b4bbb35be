//! Metadata of mailboxes and of the server: entries with values (RFC 5464).

use std::fmt;

use crate::imap::cursor::{Cursor, Read};
use crate::imap::mailbox_name::MailboxName;
use crate::imap::writer::Writer;

/// GETMETADATA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetMetadata {
    /// Of which mailbox; of the server if none.
    pub mailbox: Option<MailboxName>,
    /// Values of more octets are left out.
    pub size_octets_max: Option<u32>,
    /// How far below each entry.
    pub depth: Depth,
    /// Which entries; at least one.
    pub entries: Vec<EntryName>,
}

/// SETMETADATA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMetadata {
    /// Of which mailbox; of the server if none.
    pub mailbox: Option<MailboxName>,
    /// The new values; `None` removes the entry.
    pub values: Vec<(EntryName, Option<Vec<u8>>)>,
}

/// How far below an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The entry itself.
    Itself,
    /// And those right below it.
    One,
    /// And all below it.
    Infinity,
}

/// The name of an entry, in small letters: `/private/comment`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryName(String);

const ENTRY: &str = "the name of an entry, below /private or /shared";
const OPTION: &str = "MAXSIZE or DEPTH";

impl EntryName {
    /// The entry's name; `None` if it can't be one (RFC 5464 sections 3.2 and 4.1).
    pub fn new(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let plain = name.bytes().all(|octet| matches!(octet, b' '..=b'~') && !matches!(octet, b'*' | b'%'));
        let parts = !name.contains("//") && !name.ends_with('/');
        let rooted =
            ["/private", "/shared"].iter().any(|root| name.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
        (plain && parts && rooted).then_some(Self(name))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let before = cursor.clone();
        Self::new(&cursor.text(ENTRY)?).map_or_else(|| before.expected(ENTRY), Ok)
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl GetMetadata {
    /// ```abnf
    /// getmetadata = "GETMETADATA" [SP options] SP mailbox SP entries     ; mailbox "" is the server
    /// options     = "(" option *(SP option) ")"      option = "MAXSIZE" SP number / "DEPTH" SP ( "0" / "1" / "infinity" )
    /// entries     = entry-name / "(" entry-name *(SP entry-name) ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mut metadata = Self { mailbox: None, size_octets_max: None, depth: Depth::Itself, entries: Vec::new() };
        let mut told = false;
        if cursor.peek() == Some(b'(') {
            metadata.read_options(cursor)?;
            cursor.space()?;
            told = true;
        }
        metadata.mailbox = mailbox_or_server(cursor)?;
        cursor.space()?;
        // The examples of RFC 5464 have the options here, and some clients follow them.
        let mut ahead = cursor.clone();
        if !told && ahead.take(b'(') && (ahead.take_word("MAXSIZE") || ahead.take_word("DEPTH")) {
            metadata.read_options(cursor)?;
            cursor.space()?;
        }
        metadata.entries = cursor.one_or_list(ENTRY, EntryName::read)?;
        Ok(metadata)
    }

    fn read_options(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        cursor.list1(OPTION, |list| {
            if list.take_word("MAXSIZE") {
                list.space()?;
                self.size_octets_max = Some(list.number("a number of octets")?);
                return Ok(());
            }
            list.demand_word("DEPTH", OPTION)?;
            list.space()?;
            self.depth = match list.keyword("0, 1 or infinity")?.to_ascii_lowercase().as_str() {
                "0" => Depth::Itself,
                "1" => Depth::One,
                "infinity" => Depth::Infinity,
                _ => return list.expected("0, 1 or infinity"),
            };
            Ok(())
        })?;
        Ok(())
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let size = self.size_octets_max.map(|octets| format!("MAXSIZE {octets}"));
        let depth = match self.depth {
            Depth::Itself => None,
            Depth::One => Some("DEPTH 1".to_owned()),
            Depth::Infinity => Some("DEPTH infinity".to_owned()),
        };
        let options: Vec<String> = size.into_iter().chain(depth).collect();
        if !options.is_empty() {
            out.words(options).put(" ");
        }
        write_mailbox(self.mailbox.as_ref(), out);
        out.put(" ").list(&self.entries, |out, entry| out.astring(entry.0.as_bytes()).done());
    }
}

impl SetMetadata {
    /// `setmetadata = "SETMETADATA" SP mailbox SP "(" entry-name SP value *(SP entry-name SP value) ")"`; `value = nstring / literal8`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mailbox = mailbox_or_server(cursor)?;
        cursor.space()?;
        let values = cursor.list1("entries and their values", |list| {
            let entry = EntryName::read(list)?;
            list.space()?;
            Ok((entry, list.nstring8("a value, or NIL")?.map(std::borrow::Cow::into_owned)))
        })?;
        Ok(Self { mailbox, values })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        write_mailbox(self.mailbox.as_ref(), out);
        out.put(" ").list(&self.values, |out, (entry, value)| {
            out.astring(entry.0.as_bytes()).put(" ").nstring(value.as_deref());
        });
    }
}

/// `mailbox`, which is empty for the server itself.
pub(crate) fn mailbox_or_server(cursor: &mut Cursor<'_>) -> Read<Option<MailboxName>> {
    let mut ahead = cursor.clone();
    if ahead.astring("a mailbox name, or \"\" for the server")?.is_empty() {
        *cursor = ahead;
        return Ok(None);
    }
    cursor.mailbox().map(Some)
}

pub(crate) fn write_mailbox(mailbox: Option<&MailboxName>, out: &mut Writer) {
    match mailbox {
        None => out.put("\"\""),
        Some(name) => out.mailbox(name),
    };
}
