//! XTWOWAY: who is let in, who has knocked, and by which rules, for clients that know two-way mail.
//!
//! Whom an entry speaks of is written as everywhere: `address`, `@domain`, `@.domain` (with subdomains), `list:ID`; that is
//! its scope. This grammar does not look inside.

use std::num::NonZeroU32;

use mail::time::Timestamp;

use crate::imap::cursor::{Cursor, Read};
use crate::imap::date;
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// The capability, and the command's name. Provisional: it changes here and nowhere else.
///
/// ```abnf
/// capability   =/ "XTWOWAY"
/// command-auth =/ xtwoway
/// mailbox-data =/ xtwoway-data
/// ```
pub const KEYWORD: &str = "XTWOWAY";

/// One command of the extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `ENTRIES`: what stands on these lists; on all if none is named.
    Entries(Vec<EntryList>, Option<Page>),
    /// `ADD`: a new entry.
    Add(Entry),
    /// `REMOVE`: an entry goes.
    Remove(EntryList, String),
    /// `CONTACTS`: who has knocked.
    Contacts(Option<Page>, Detail),
    /// `ALLOW`, `BLOCK` or `DISMISS`: what becomes of these senders, all that waits from them included.
    Decide(Decision, Vec<String>),
    /// `MODES`: by which rules.
    Modes,
    /// `SETMODES`: by other rules; what is not named stays.
    SetModes(Modes),
    /// `UNDO`: takes back a change of all this, by its id in the history; the latest that was not taken back, if none is named.
    Undo(Option<String>),
    /// `WATCH`: tell changes of all this from now on.
    Watch,
    /// `UNWATCH`: no longer.
    Unwatch,
}

/// A part of a long list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many rows at most.
    pub rows_max: NonZeroU32,
    /// Behind what an earlier answer named; from the front if nothing.
    pub after: Option<String>,
}

/// How much is told of each contact attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Who, how many, how large, until when.
    Brief,
    /// And what proves who it is.
    Evidence,
}

/// An entry, as a client writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which list.
    pub list: EntryList,
    /// Whom it speaks of.
    pub who: String,
    /// Until when it counts; for ever if none.
    pub until: Option<Timestamp>,
    /// How many messages it lets in; any number if none.
    pub count: Option<NonZeroU32>,
    /// The reference that an expected message must carry.
    pub reference: Option<String>,
    /// Why, in the owner's words.
    pub reason: Option<String>,
}

/// The rules of a mailbox; `None`: not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// What becomes of notices from strangers.
    pub screening: Option<Screening>,
    /// What becomes of pushed mail from strangers.
    pub legacy: Option<Legacy>,
    /// Whether names and subjects that strangers claim are shown.
    pub claims: Option<Claims>,
}

words! {
    /// The lists of a mailbox.
    EntryList {
        /// Let in.
        Allow = "ALLOW",
        /// Kept out.
        Block = "BLOCK",
        /// Let in for a while, so many times.
        Expected = "EXPECTED",
        /// Let in because the owner wrote there.
        RepliedTo = "REPLIED-TO",
        /// An address of the owner's, given to one site only.
        Site = "SITE",
    }
}

words! {
    /// What becomes of a sender.
    Decision {
        /// Let in, and all that waits is fetched.
        Allow = "ALLOW",
        /// Kept out for good.
        Block = "BLOCK",
        /// Taken from the list; the next message is a new contact attempt.
        Dismiss = "DISMISS",
    }
}

words! {
    /// Whether strangers wait.
    Screening {
        /// They do not.
        Off = "OFF",
        /// They do not, but who would have waited is shown.
        Observe = "OBSERVE",
        /// They do.
        On = "ON",
    }
}

words! {
    /// What becomes of pushed mail from strangers.
    Legacy {
        /// It comes in.
        Deliver = "DELIVER",
        /// It waits.
        Keep = "KEEP",
        /// It is refused.
        Refuse = "REFUSE",
    }
}

words! {
    /// Whether what strangers claim is shown.
    Claims {
        /// It is, as claimed.
        Shown = "SHOWN",
        /// Addresses and times only.
        Hidden = "HIDDEN",
    }
}

const FORM: &str = "ENTRIES, ADD, REMOVE, CONTACTS, ALLOW, BLOCK, DISMISS, MODES, SETMODES, UNDO, WATCH or UNWATCH";
const LIST: &str = "ALLOW, BLOCK, EXPECTED, REPLIED-TO or SITE";
const WHO: &str = "an address, @domain, @.domain or list:ID";

impl Command {
    /// ```abnf
    /// xtwoway  = "XTWOWAY" SP ( entries / add / remove / contacts / decide / "MODES" / setmodes / undo / "WATCH" / "UNWATCH" )
    /// entries  = "ENTRIES" [SP "(" list-name *(SP list-name) ")"] [SP page]
    /// add      = "ADD" SP list-name SP who [SP "(" item *(SP item) ")"]
    /// remove   = "REMOVE" SP list-name SP who
    /// contacts = "CONTACTS" [SP page] [SP "EVIDENCE"]
    /// decide   = ( "ALLOW" / "BLOCK" / "DISMISS" ) SP ( sender / "(" sender *(SP sender) ")" )
    /// setmodes = "SETMODES" SP "(" mode *(SP mode) ")"
    /// undo     = "UNDO" [SP astring]       ; a change, as the history names it
    /// page     = "PAGE" SP nz-number [SP "AFTER" SP astring]
    /// item     = "UNTIL" SP date-time / "COUNT" SP nz-number / "REF" SP astring / "REASON" SP astring
    /// mode     = "SCREENING" SP ( "OFF" / "OBSERVE" / "ON" ) / "LEGACY" SP ( "DELIVER" / "KEEP" / "REFUSE" )
    ///          / "CLAIMS" SP ( "SHOWN" / "HIDDEN" )
    /// list-name = "ALLOW" / "BLOCK" / "EXPECTED" / "REPLIED-TO" / "SITE"
    /// who      = astring           ; an address, "@" domain, "@." domain, or "list:" List-Id, in UTF-8
    /// sender   = astring           ; an address
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let before = cursor.clone();
        let word = cursor.keyword(FORM)?;
        if let Some(decision) = Decision::parse(word) {
            cursor.space()?;
            return Ok(Self::Decide(decision, cursor.one_or_list(WHO, |list| list.text("an address"))?));
        }
        Ok(match word.to_ascii_uppercase().as_str() {
            "ENTRIES" => {
                let mut ahead = cursor.clone();
                let mut lists = Vec::new();
                if ahead.take(b' ') && ahead.peek() == Some(b'(') {
                    lists = ahead.list1(LIST, EntryList::read)?;
                    *cursor = ahead;
                }
                Self::Entries(lists, Page::read(cursor)?)
            }
            "ADD" => {
                cursor.space()?;
                Self::Add(Entry::read(cursor)?)
            }
            "REMOVE" => {
                cursor.space()?;
                let list = EntryList::read(cursor)?;
                cursor.space()?;
                Self::Remove(list, cursor.text(WHO)?)
            }
            "CONTACTS" => {
                let page = Page::read(cursor)?;
                Self::Contacts(page, if cursor.take_space_and_word("EVIDENCE") { Detail::Evidence } else { Detail::Brief })
            }
            "MODES" => Self::Modes,
            "SETMODES" => {
                cursor.space()?;
                Self::SetModes(Modes::read(cursor)?)
            }
            "UNDO" if cursor.at_end() => Self::Undo(None),
            "UNDO" => {
                cursor.space()?;
                Self::Undo(Some(cursor.text("what names a change")?))
            }
            "WATCH" => Self::Watch,
            "UNWATCH" => Self::Unwatch,
            _ => return before.expected(FORM),
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Entries(lists, page) => {
                out.put("ENTRIES");
                if !lists.is_empty() {
                    out.put(" ").words(lists);
                }
                Page::write(page.as_ref(), out);
            }
            Self::Add(entry) => entry.write(out.put("ADD ")),
            Self::Remove(list, who) => out.put("REMOVE ").put(list).put(" ").astring(who.as_bytes()).done(),
            Self::Contacts(page, detail) => {
                out.put("CONTACTS");
                Page::write(page.as_ref(), out);
                out.put(if *detail == Detail::Evidence { " EVIDENCE" } else { "" });
            }
            Self::Decide(decision, senders) => {
                out.put(decision).put(" ").list(senders, |out, sender| out.astring(sender.as_bytes()).done());
            }
            Self::Modes => out.put("MODES").done(),
            Self::SetModes(modes) => modes.write(out.put("SETMODES ")),
            Self::Undo(None) => out.put("UNDO").done(),
            Self::Undo(Some(change)) => out.put("UNDO ").astring(change.as_bytes()).done(),
            Self::Watch => out.put("WATCH").done(),
            Self::Unwatch => out.put("UNWATCH").done(),
        }
    }
}

impl EntryList {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let before = cursor.clone();
        Self::parse(cursor.keyword(LIST)?).map_or_else(|| before.expected(LIST), Ok)
    }
}

impl Page {
    fn read(cursor: &mut Cursor<'_>) -> Read<Option<Self>> {
        if !cursor.take_space_and_word("PAGE") {
            return Ok(None);
        }
        cursor.space()?;
        let mut page = Self { rows_max: cursor.nonzero("a number of rows")?, after: None };
        if cursor.take_space_and_word("AFTER") {
            cursor.space()?;
            page.after = Some(cursor.text("what an earlier answer named")?);
        }
        Ok(Some(page))
    }

    fn write(page: Option<&Self>, out: &mut Writer) {
        let Some(page) = page else { return };
        out.put(" PAGE ").put(page.rows_max);
        if let Some(after) = &page.after {
            out.put(" AFTER ").astring(after.as_bytes());
        }
    }
}

impl Entry {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const ITEM: &str = "UNTIL, COUNT, REF or REASON";
        let list = EntryList::read(cursor)?;
        cursor.space()?;
        let mut entry = Self { list, who: cursor.text(WHO)?, until: None, count: None, reference: None, reason: None };
        if cursor.at_end() || !cursor.take(b' ') {
            return Ok(entry);
        }
        cursor.list1(ITEM, |list| {
            let before = list.clone();
            let word = list.keyword(ITEM)?.to_ascii_uppercase();
            list.space()?;
            match word.as_str() {
                "UNTIL" => entry.until = Some(date_time(list)?),
                "COUNT" => entry.count = Some(list.nonzero("a number of messages")?),
                "REF" => entry.reference = Some(list.text("a reference")?),
                "REASON" => entry.reason = Some(list.text("a reason")?),
                _ => return before.expected(ITEM),
            }
            Ok(())
        })?;
        Ok(entry)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.put(self.list).put(" ").astring(self.who.as_bytes());
        let mut opening = " (";
        let mut item = |out: &mut Writer, word: &str| {
            out.put(opening).put(word).put(" ");
            opening = " ";
        };
        if let Some(until) = self.until {
            item(out, "UNTIL");
            out.put(format_args!("\"{}\"", date::date_time(until)));
        }
        if let Some(count) = self.count {
            item(out, "COUNT");
            out.put(count);
        }
        if let Some(reference) = &self.reference {
            item(out, "REF");
            out.astring(reference.as_bytes());
        }
        if let Some(reason) = &self.reason {
            item(out, "REASON");
            out.astring(reason.as_bytes());
        }
        out.put(if opening == " " { ")" } else { "" });
    }
}

impl Modes {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "SCREENING, LEGACY or CLAIMS, and a word of each";
        let mut modes = Self::default();
        cursor.list1(FORM, |list| {
            let before = list.clone();
            let word = list.keyword(FORM)?.to_ascii_uppercase();
            list.space()?;
            let value = list.keyword(FORM)?;
            let known = match word.as_str() {
                "SCREENING" => Screening::parse(value).map(|screening| modes.screening = Some(screening)),
                "LEGACY" => Legacy::parse(value).map(|legacy| modes.legacy = Some(legacy)),
                "CLAIMS" => Claims::parse(value).map(|claims| modes.claims = Some(claims)),
                _ => None,
            };
            known.map_or_else(|| before.expected(FORM), Ok)
        })?;
        Ok(modes)
    }

    pub(crate) fn write(self, out: &mut Writer) {
        let screening = self.screening.map(|screening| format!("SCREENING {screening}"));
        let legacy = self.legacy.map(|legacy| format!("LEGACY {legacy}"));
        let claims = self.claims.map(|claims| format!("CLAIMS {claims}"));
        out.words(screening.into_iter().chain(legacy).chain(claims));
    }
}

/// `date-time`
pub(crate) fn date_time(cursor: &mut Cursor<'_>) -> Read<Timestamp> {
    const FORM: &str = "a date such as \"17-Jul-1996 02:44:25 -0700\"";
    let before = cursor.clone();
    let text = cursor.string_text(FORM)?;
    date::parse_date_time(&text).map_or_else(|| before.expected(FORM), |time| Ok(time.at()))
}
