//! UIDBATCHES: a mailbox in pieces of so many messages (RFC 10022).

use std::num::NonZeroU32;

use crate::imap::cursor::{Cursor, Read};
use crate::imap::writer::Writer;

/// UIDBATCHES: the UIDs of the mailbox, in batches. The first has the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UidBatches {
    /// How many messages one has; the last may have fewer.
    pub size: NonZeroU32,
    /// Which of them; `None`: all.
    pub which: Option<BatchRange>,
}

/// Some batches, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRange {
    first: NonZeroU32,
    last: NonZeroU32,
}

impl BatchRange {
    /// From one to another; `None` if that is before the first.
    pub fn new(first: NonZeroU32, last: NonZeroU32) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The first of them.
    pub fn first(self) -> NonZeroU32 {
        self.first
    }

    /// How many there are.
    pub fn count(self) -> u64 {
        u64::from(self.last.get() - self.first.get()) + 1
    }
}

impl UidBatches {
    /// ```abnf
    /// message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]
    /// ```
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Read<Self> {
        const FORM: &str = "batches such as 1:10, the first first";
        let size = cursor.nonzero("a number of messages")?;
        let mut which = None;
        if cursor.take(b' ') {
            let before = cursor.clone();
            let first = cursor.nonzero(FORM)?;
            cursor.demand(b':', FORM)?;
            let last = cursor.nonzero(FORM)?;
            which = Some(BatchRange::new(first, last).map_or_else(|| before.expected(FORM), Ok)?);
        }
        Ok(Self { size, which })
    }

    pub(super) fn write(self, out: &mut Writer) {
        out.put(self.size);
        if let Some(BatchRange { first, last }) = self.which {
            out.put(format_args!(" {first}:{last}"));
        }
    }
}
