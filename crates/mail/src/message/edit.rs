//! Edits of a header section: whole fields put in front or taken out, every other octet kept.

use super::{Field, HeaderSection};

/// Edits under way.
#[derive(Debug)]
pub struct HeaderEdit<'a> {
    section: &'a HeaderSection<'a>,
    /// In the order they were put in front: the last stands first.
    prepended: Vec<String>,
    removed: Vec<bool>,
}

/// The edited front of a message: these octets stand in place of its first `replaces` ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What the message begins with now.
    pub octets: Vec<u8>,
    /// How many octets of the original they stand for. All that follow stay.
    pub replaces: usize,
}

impl<'a> HeaderEdit<'a> {
    /// No edits yet.
    pub fn new(section: &'a HeaderSection<'a>) -> Self {
        Self { section, prepended: Vec::new(), removed: vec![false; section.fields().len()] }
    }

    /// Puts a whole field, CRLF included, in front of everything.
    #[must_use]
    pub fn prepend(mut self, field: String) -> Self {
        self.prepended.push(field);
        self
    }

    /// Takes out the fields of which this is true, continuation lines included.
    #[must_use]
    pub fn remove(mut self, is_unwanted: impl Fn(&Field<'_>) -> bool) -> Self {
        for (removed, field) in self.removed.iter_mut().zip(self.section.fields()) {
            *removed |= is_unwanted(field);
        }
        self
    }

    /// The edited front of the message.
    ///
    /// A message that is all body gets an empty line between the new fields and what would else become one.
    pub fn finish(self) -> Head {
        let kept = self.section.octets();
        let mut octets = Vec::with_capacity(kept.len() + self.prepended.iter().map(String::len).sum::<usize>() + 2);
        for field in self.prepended.iter().rev() {
            octets.extend_from_slice(field.as_bytes());
        }
        if self.section.is_missing() && !self.prepended.is_empty() {
            octets.extend_from_slice(b"\r\n");
        }
        let mut at = 0;
        for (removed, field) in self.removed.iter().zip(self.section.fields()) {
            if *removed {
                octets.extend_from_slice(kept.get(at..field.range().start).unwrap_or_default());
                at = field.range().end;
            }
        }
        octets.extend_from_slice(kept.get(at..).unwrap_or_default());
        Head { octets, replaces: kept.len() }
    }
}

impl Head {
    /// The whole edited message.
    pub fn apply(&self, message: &[u8]) -> Vec<u8> {
        [self.octets.as_slice(), message.get(self.replaces..).unwrap_or_default()].concat()
    }
}
