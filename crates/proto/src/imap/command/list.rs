//! LIST and its older sister LSUB (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 3501 section 6.3.9).

use super::mailbox::{StatusItem, status_items};
use crate::imap::cursor::{Cursor, Read, is_astring};
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// LIST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Which mailboxes are looked at.
    pub selection: Vec<ListSelection>,
    /// What stands in front of each pattern.
    pub reference: String,
    /// Which names are wanted; a single empty one asks for the delimiter.
    pub patterns: Vec<String>,
    /// What is told of them. `None`: no RETURN, so attributes that the selection implies.
    pub returns: Option<ListReturns>,
}

/// What is told of each mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListReturns {
    /// The words.
    pub options: Vec<ListReturn>,
    /// `STATUS` (RFC 5819); nothing if it was not asked for.
    pub status: Vec<StatusItem>,
}

/// LSUB: the subscribed names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lsub {
    /// What stands in front of the pattern.
    pub reference: String,
    /// Which names are wanted.
    pub pattern: String,
}

words! {
    /// Which mailboxes LIST looks at.
    ListSelection {
        /// Subscribed names, of mailboxes that exist or not.
        Subscribed = "SUBSCRIBED",
        /// Those of other servers too; we know none.
        Remote = "REMOTE",
        /// Also those inside which one is found.
        RecursiveMatch = "RECURSIVEMATCH",
        /// Those with a special use.
        SpecialUse = "SPECIAL-USE",
    }
}

words! {
    /// What LIST tells of a mailbox, in one word.
    ListReturn {
        /// Whether it is subscribed.
        Subscribed = "SUBSCRIBED",
        /// Whether there are others inside it.
        Children = "CHILDREN",
        /// What it is for.
        SpecialUse = "SPECIAL-USE",
    }
}

const SELECTION: &str = "SUBSCRIBED, REMOTE, RECURSIVEMATCH or SPECIAL-USE";
const RETURN: &str = "SUBSCRIBED, CHILDREN, SPECIAL-USE or STATUS (...)";

impl List {
    /// ```abnf
    /// list = "LIST" [SP "(" [list-select-opt *(SP list-select-opt)] ")"] SP mailbox SP mbox-or-pat
    ///        [SP "RETURN" SP "(" [return-option *(SP return-option)] ")"]
    /// mbox-or-pat   = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"
    /// return-option = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / "STATUS" SP "(" status-att *(SP status-att) ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mut selection = Vec::new();
        if cursor.peek() == Some(b'(') {
            selection = cursor.list(SELECTION, |list| {
                let before = list.clone();
                ListSelection::parse(list.keyword(SELECTION)?).map_or_else(|| before.expected(SELECTION), Ok)
            })?;
            cursor.space()?;
        }
        // RFC 5258 section 3.1: it says how others are shown, and selects nothing itself.
        if selection.contains(&ListSelection::RecursiveMatch)
            && !selection.iter().any(|option| matches!(option, ListSelection::Subscribed | ListSelection::SpecialUse))
        {
            return cursor.expected("SUBSCRIBED or SPECIAL-USE beside RECURSIVEMATCH");
        }
        let reference = reference(cursor)?;
        cursor.space()?;
        let patterns = cursor.one_or_list("a mailbox pattern", pattern)?;
        let mut returns = None;
        if !cursor.at_end() && cursor.take(b' ') {
            cursor.demand_word("RETURN", "RETURN")?;
            cursor.space()?;
            returns = Some(ListReturns::read(cursor)?);
        }
        Ok(Self { selection, reference, patterns, returns })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        if !self.selection.is_empty() {
            out.words(&self.selection).put(" ");
        }
        out.reference(&self.reference).put(" ");
        match &self.patterns[..] {
            [only] => out.pattern(only),
            several => out.list(several, |out, pattern| {
                out.pattern(pattern);
            }),
        };
        if let Some(returns) = &self.returns {
            out.put(" RETURN ");
            returns.write(out);
        }
    }
}

impl ListReturns {
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mut returns = Self::default();
        cursor.list(RETURN, |list| {
            let before = list.clone();
            let word = list.keyword(RETURN)?;
            if word.eq_ignore_ascii_case("STATUS") {
                list.space()?;
                returns.status = status_items(list)?;
                return Ok(());
            }
            returns.options.push(ListReturn::parse(word).map_or_else(|| before.expected(RETURN), Ok)?);
            Ok(())
        })?;
        Ok(returns)
    }

    fn write(&self, out: &mut Writer) {
        out.put("(").spaced(&self.options, |out, option| {
            out.put(option);
        });
        if !self.status.is_empty() {
            out.put(if self.options.is_empty() { "STATUS " } else { " STATUS " }).words(&self.status);
        }
        out.put(")");
    }
}

impl Lsub {
    /// `lsub = "LSUB" SP mailbox SP list-mailbox`
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let reference = reference(cursor)?;
        cursor.space()?;
        Ok(Self { reference, pattern: pattern(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.reference(&self.reference).put(" ").pattern(&self.pattern);
    }
}

/// `mailbox`, here often empty, and not the name of one.
fn reference(cursor: &mut Cursor<'_>) -> Read<String> {
    let before = cursor.clone();
    let octets = cursor.astring("a reference")?;
    cursor.names.decode(&octets).map_or_else(|| before.expected("a reference, encoded as mailbox names are"), Ok)
}

/// `list-mailbox = 1*( ATOM-CHAR / "%" / "*" / "]" ) / string`
fn pattern(cursor: &mut Cursor<'_>) -> Read<String> {
    const FORM: &str = "a mailbox pattern";
    let before = cursor.clone();
    let octets = match cursor.peek() {
        Some(b'"' | b'{') => cursor.string(FORM)?.into_owned(),
        _ => cursor.run(FORM, |octet| is_astring(octet) || matches!(octet, b'%' | b'*'))?.as_bytes().to_vec(),
    };
    cursor.names.decode(&octets).map_or_else(|| before.expected(FORM), Ok)
}
