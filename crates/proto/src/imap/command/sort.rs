//! SORT and THREAD: messages in an order (RFC 5256, RFC 5957; RETURN as RFC 5267 has it).

use super::Numbering;
use super::search::{Key, SearchReturn, charset, known, read_keys, read_returns, write_returns};
use crate::imap::cursor::{Cursor, Read};
use crate::imap::words::words;
use crate::imap::writer::Writer;

/// SORT or UID SORT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// What the result's numbers are.
    pub numbering: Numbering,
    /// How the result is told. `None`: no RETURN.
    pub returns: Option<Vec<SearchReturn>>,
    /// By what, the first first; at least one.
    pub criteria: Vec<Criterion>,
    /// Which messages.
    pub keys: Vec<Key>,
}

/// One criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Criterion {
    /// By what.
    pub by: SortKey,
    /// Which end comes first.
    pub order: Order,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest.
    Ascending,
    /// `REVERSE`: the largest.
    Descending,
}

/// THREAD or UID THREAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// What the result's numbers are.
    pub numbering: Numbering,
    /// What makes a thread.
    pub algorithm: Algorithm,
    /// Which messages.
    pub keys: Vec<Key>,
}

words! {
    /// What messages are sorted by.
    SortKey {
        /// Arrival.
        Arrival = "ARRIVAL",
        /// The first mailbox in Cc.
        Cc = "CC",
        /// The Date field.
        Date = "DATE",
        /// The first mailbox in From.
        From = "FROM",
        /// Octets.
        Size = "SIZE",
        /// The subject without `Re:` and the like.
        Subject = "SUBJECT",
        /// The first mailbox in To.
        To = "TO",
        /// The first name in From, as it is shown (RFC 5957).
        DisplayFrom = "DISPLAYFROM",
        /// The first name in To, as it is shown.
        DisplayTo = "DISPLAYTO",
    }
}

words! {
    /// What makes a thread.
    Algorithm {
        /// The same subject.
        OrderedSubject = "ORDEREDSUBJECT",
        /// References to each other.
        References = "REFERENCES",
    }
}

impl Sort {
    /// ```abnf
    /// sort           = "SORT" [SP "RETURN" SP "(" .. ")"] SP "(" sort-criterion *(SP sort-criterion) ")" SP charset 1*(SP search-key)
    /// sort-criterion = ["REVERSE" SP] sort-key
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>, numbering: Numbering) -> Read<Self> {
        const FORM: &str = "what to sort by";
        let returns = read_returns(cursor)?;
        let criteria = cursor.list1(FORM, |list| {
            let mut order = Order::Ascending;
            if list.take_word("REVERSE") {
                list.space()?;
                order = Order::Descending;
            }
            let before = list.clone();
            let by = SortKey::parse(list.keyword(FORM)?).map_or_else(|| before.expected(FORM), Ok)?;
            Ok(Criterion { by, order })
        })?;
        cursor.space()?;
        let is_known = charset(cursor)?;
        cursor.space()?;
        // Some say it where SEARCH would have it, before the keys; there is no key of that name.
        let returns = if returns.is_some() { returns } else { read_returns(cursor)? };
        known(is_known, returns.as_deref())?;
        Ok(Self { numbering, returns, criteria, keys: read_keys(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        write_returns(self.returns.as_deref(), out);
        out.list(&self.criteria, |out, criterion| {
            out.put(if criterion.order == Order::Descending { "REVERSE " } else { "" }).put(criterion.by);
        });
        out.put(" UTF-8 ").spaced(&self.keys, |out, key| key.write(out));
    }
}

impl Thread {
    /// `thread = "THREAD" SP thread-alg SP charset 1*(SP search-key)`
    pub(super) fn read(cursor: &mut Cursor<'_>, numbering: Numbering) -> Read<Self> {
        const FORM: &str = "ORDEREDSUBJECT or REFERENCES";
        let before = cursor.clone();
        let algorithm = Algorithm::parse(cursor.keyword(FORM)?).map_or_else(|| before.expected(FORM), Ok)?;
        cursor.space()?;
        let is_known = charset(cursor)?;
        cursor.space()?;
        known(is_known, None)?;
        Ok(Self { numbering, algorithm, keys: read_keys(cursor)? })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.put(self.algorithm).put(" UTF-8 ").spaced(&self.keys, |out, key| key.write(out));
    }
}
