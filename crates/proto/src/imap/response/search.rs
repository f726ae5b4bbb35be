//! Results of SEARCH and SORT (RFC 9051 section 7.3.4, RFC 4731, 5267, 7162, 9394).

use std::num::NonZeroU32;

use crate::imap::command::fetch::PartialRange;
use crate::imap::command::{Numbering, Tag};
use crate::imap::numbers::Numbers;
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
        Self { tag, numbering, min: None, max: None, count: None, all: None, partial: None, modseq: None }
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
    }
}

impl Selection {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Set(numbers) => out.put(numbers).done(),
            Self::Ordered(numbers) => {
                for (index, number) in numbers.iter().enumerate() {
                    out.put(if index == 0 { "" } else { "," }).put(number);
                }
            }
        }
    }
}
