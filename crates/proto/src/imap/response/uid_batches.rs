//! Batches of UIDs (RFC 10022): `UIDBATCHES (TAG "a") 5021:3000,2999:1`.

use std::num::NonZeroU32;

use crate::imap::command::Tag;
use crate::imap::cursor::{Cursor, Read};
use crate::imap::writer::Writer;

/// What UIDBATCHES is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batches {
    /// Of which command.
    pub tag: Option<Tag>,
    /// From the highest UIDs down.
    pub batches: Vec<Batch>,
}

/// The messages between two UIDs. There need not be a message of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// The highest UID.
    pub highest: NonZeroU32,
    /// The lowest, which may be the same.
    pub lowest: NonZeroU32,
}

impl Batches {
    /// Reads what stands behind `UIDBATCHES`.
    ///
    /// ```abnf
    /// uidbatches-response = "UIDBATCHES" SP "(" "TAG" SP string ")" [SP uid-range *("," uid-range)]
    /// uid-range           = nz-number ":" nz-number
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const UID: &str = "a UID";
        cursor.space()?;
        cursor.demand(b'(', "(")?;
        cursor.demand_word("TAG", "TAG")?;
        cursor.space()?;
        let tag = Tag::new(&cursor.text("a tag")?);
        cursor.demand(b')', ")")?;
        let mut batches = Vec::new();
        if !cursor.at_end() && cursor.take(b' ') && !cursor.at_end() {
            loop {
                let one = cursor.nonzero(UID)?;
                // A batch of one UID may be told as that.
                let other = if cursor.take(b':') { cursor.nonzero(UID)? } else { one };
                batches.push(Batch { highest: one.max(other), lowest: one.min(other) });
                if !cursor.take(b',') {
                    break;
                }
            }
        }
        Ok(Self { tag, batches })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        let tag = self.tag.as_ref().map(ToString::to_string).unwrap_or_default();
        out.put(" (TAG ").string(tag.as_bytes()).put(")");
        let mut before = " ";
        for Batch { highest, lowest } in &self.batches {
            out.put(format_args!("{before}{highest}:{lowest}"));
            before = ",";
        }
    }
}
