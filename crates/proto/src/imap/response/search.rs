//! Results of SEARCH and SORT (RFC 9051 section 7.3.4, RFC 4731, 5267, 7162, 9394).

use std::num::NonZeroU32;

use crate::imap::command::fetch::PartialRange;
use crate::imap::command::{Numbering, Tag};
use crate::imap::cursor::{Cursor, Read, SyntaxError};
use crate::imap::limits::SORTED_NUMBERS_MAX;
use crate::imap::numbers::Numbers;
use crate::imap::sequence_set::SequenceSet;
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// A result without RETURN: numbers, in the order that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The numbers.
    pub numbers: Vec<u32>,
    /// The greatest modification sequence among them, if the client knows what that is (RFC 7162 section 3.1.5).
    pub modseq: Option<u64>,
}

/// A result with RETURN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ESearch {
    /// Of which command.
    pub tag: Option<Tag>,
    /// What the numbers are.
    pub numbering: Numbering,
    /// The smallest, or the first of a sorted result.
    pub min: Option<NonZeroU32>,
    /// The largest, or the last of a sorted result.
    pub max: Option<NonZeroU32>,
    /// How many.
    pub count: Option<u32>,
    /// All; left out if there are none.
    pub all: Option<Selection>,
    /// Some of them; NIL if there are none there.
    pub partial: Option<(PartialRange, Option<Selection>)>,
    /// The greatest modification sequence among those that are told.
    pub modseq: Option<u64>,
    /// What changed of a result that is kept up to date, one after the other; nothing of one that is new.
    pub changes: Vec<Change>,
}

/// A change of a result. Its places count in what the change before it has left (RFC 5267 section 4.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whether they fit.
    pub kind: ChangeKind,
    /// Where in a sorted result the first of them stands, from 1 on, with the others behind it; 0: in the order of the mailbox.
    pub place: u32,
    /// The messages; those that are gone by the numbers that they have before they are told so.
    pub messages: Selection,
}

words! {
    /// What happens to messages of a result.
    ChangeKind {
        /// They fit no more.
        Removed = "REMOVEFROM",
        /// They fit now.
        Added = "ADDTO",
    }
}

/// Numbers of a result; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Of SEARCH: the smallest first.
    Set(Numbers),
    /// Of SORT: in the order that was asked for.
    Ordered(Vec<u32>),
}

impl Found {
    /// Reads what stands behind `SEARCH` or `SORT`.
    ///
    /// ```abnf
    /// mailbox-data-search = ( "SEARCH" / "SORT" ) *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let mut found = Self::default();
        while !cursor.at_end() && cursor.take(b' ') {
            if cursor.at_end() {
                break;
            }
            if cursor.take(b'(') {
                cursor.demand_word("MODSEQ", "MODSEQ")?;
                cursor.space()?;
                found.modseq = Some(cursor.number64("a modification sequence")?);
                cursor.demand(b')', ")")?;
            } else {
                found.numbers.push(cursor.number("a number of a message")?);
            }
        }
        Ok(found)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        for number in &self.numbers {
            out.put(" ").put(number);
        }
        if let Some(modseq) = self.modseq {
            out.put(format_args!(" (MODSEQ {modseq})"));
        }
    }
}

impl ESearch {
    /// The result of a command of which nothing is told yet.
    pub fn new(tag: Option<Tag>, numbering: Numbering) -> Self {
        Self { tag, numbering, min: None, max: None, count: None, all: None, partial: None, modseq: None, changes: Vec::new() }
    }

    /// Reads what stands behind `ESEARCH`; results that we do not know are passed over.
    ///
    /// ```abnf
    /// esearch-response = "ESEARCH" [SP "(" "TAG" SP string ")"] [SP "UID"] *(SP search-return-data)
    /// search-return-data = ( "MIN" / "MAX" ) SP nz-number / "COUNT" SP number / "ALL" SP sequence-set
    ///                    / "PARTIAL" SP "(" partial-range SP ( sequence-set / NIL ) ")" / "MODSEQ" SP mod-sequence-value
    ///                    / ( "ADDTO" / "REMOVEFROM" ) SP "(" number SP sequence-set *(SP number SP sequence-set) ")"
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const NUMBER: &str = "a number of a message";
        let mut result = Self::new(None, Numbering::Sequence);
        let mut ahead = cursor.clone();
        if ahead.take(b' ') && ahead.take(b'(') {
            ahead.demand_word("TAG", "TAG")?;
            ahead.space()?;
            result.tag = Tag::new(&ahead.text("a tag")?);
            ahead.demand(b')', ")")?;
            *cursor = ahead;
        }
        if cursor.take_space_and_word("UID") {
            result.numbering = Numbering::Uid;
        }
        while !cursor.at_end() && cursor.take(b' ') {
            if cursor.at_end() {
                break;
            }
            let word = cursor.keyword("a result of SEARCH")?.to_ascii_uppercase();
            cursor.space()?;
            match word.as_str() {
                "MIN" => result.min = Some(cursor.nonzero(NUMBER)?),
                "MAX" => result.max = Some(cursor.nonzero(NUMBER)?),
                "COUNT" => result.count = Some(cursor.number("a number of messages")?),
                "ALL" => result.all = Some(Selection::read(cursor)?),
                "MODSEQ" => result.modseq = Some(cursor.number64("a modification sequence")?),
                "PARTIAL" => {
                    cursor.demand(b'(', "(")?;
                    let range = PartialRange::read(cursor)?;
                    cursor.space()?;
                    let some = if cursor.take_word("NIL") { None } else { Some(Selection::read(cursor)?) };
                    cursor.demand(b')', ")")?;
                    result.partial = Some((range, some));
                }
                word => match ChangeKind::parse(word) {
                    Some(kind) => read_changes(cursor, kind, &mut result.changes)?,
                    None => cursor.skip_value()?,
                },
            }
        }
        Ok(result)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        if let Some(tag) = &self.tag {
            out.put(" (TAG ").string(tag.to_string().as_bytes()).put(")");
        }
        out.put(if self.numbering == Numbering::Uid { " UID" } else { "" });
        if let Some(min) = self.min {
            out.put(" MIN ").put(min);
        }
        if let Some(max) = self.max {
            out.put(" MAX ").put(max);
        }
        if let Some(count) = self.count {
            out.put(" COUNT ").put(count);
        }
        if let Some(all) = &self.all {
            all.write(out.put(" ALL "));
        }
        if let Some((range, some)) = &self.partial {
            out.put(format_args!(" PARTIAL ({range} "));
            match some {
                None => out.put("NIL").done(),
                Some(some) => some.write(out),
            }
            out.put(")");
        }
        if let Some(modseq) = self.modseq {
            out.put(" MODSEQ ").put(modseq);
        }
        for alike in self.changes.chunk_by(|one, next| one.kind == next.kind) {
            let Some(first) = alike.first() else { continue };
            out.put(" ").put(first.kind).put(" ");
            out.list(alike, |out, change| change.messages.write(out.put(change.place).put(" ")));
        }
    }
}

/// `"(" number SP sequence-set *(SP number SP sequence-set) ")"`
fn read_changes(cursor: &mut Cursor<'_>, kind: ChangeKind, changes: &mut Vec<Change>) -> Read<()> {
    const FORM: &str = "a place and numbers";
    let mut held: u64 = changes.iter().map(|change| change.messages.held()).sum();
    cursor.demand(b'(', FORM)?;
    loop {
        let place = cursor.number(FORM)?;
        cursor.space()?;
        let messages = Selection::read(cursor)?;
        // A few octets may stand for many numbers, as often as they are repeated.
        held += messages.held();
        changes.push(Change { kind, place, messages });
        if held > SORTED_NUMBERS_MAX {
            return Err(SyntaxError::TooMany("numbers of messages"));
        }
        if !cursor.take(b' ') {
            break;
        }
    }
    cursor.demand(b')', FORM)
}

impl Selection {
    /// Numbers that only grow are a set, whatever command they answer: the two are written alike.
    fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        let before = cursor.clone();
        let text = cursor.run("numbers", |octet| octet.is_ascii_digit() || matches!(octet, b':' | b','))?;
        let Some(numbers) = SequenceSet::parse(text).map(|set| set.resolve(None)) else { return before.expected("numbers") };
        let pairs = || text.split(',').map(|part| part.split_once(':').unwrap_or((part, part)));
        let pairs = || pairs().filter_map(|(from, to)| Some((from.parse::<u32>().ok()?, to.parse::<u32>().ok()?)));
        let mut last = 0;
        let grows = pairs().all(|(from, to)| {
            let grows = last < from && from <= to;
            last = to;
            grows
        });
        if grows {
            return Ok(Self::Set(numbers));
        }
        if pairs().map(|(from, to)| u64::from(from.abs_diff(to)) + 1).sum::<u64>() > SORTED_NUMBERS_MAX {
            return Err(SyntaxError::TooMany("numbers of messages"));
        }
        let run = |(from, to): (u32, u32)| -> Box<dyn Iterator<Item = u32>> {
            if from <= to { Box::new(from..=to) } else { Box::new((to..=from).rev()) }
        };
        Ok(Self::Ordered(pairs().flat_map(run).collect()))
    }

    /// How many numbers are held one by one.
    fn held(&self) -> u64 {
        match self {
            Self::Set(_) => 0,
            Self::Ordered(numbers) => u64::try_from(numbers.len()).unwrap_or(u64::MAX),
        }
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Set(numbers) => out.put(numbers).done(),
            // RFC 5267 section 3.1: the order is that of the result; what stands there in a row is written as a range.
            Self::Ordered(numbers) => {
                let mut rows = numbers.chunk_by(|one, next| one.checked_add(1) == Some(*next));
                let mut comma = "";
                while let Some([first, rest @ ..]) = rows.next() {
                    out.put(std::mem::replace(&mut comma, ",")).put(first);
                    if let Some(last) = rest.last() {
                        out.put(":").put(last);
                    }
                }
            }
        }
    }
}
