//! What a list of messages shows of one, kept so that it is read out of the message only once: its envelope, its parts and
//! where they stand, its first words.

use crate::message::HeaderSection;
use crate::preview::preview;
use crate::structure::{EnvelopeStructure, Part};

/// What is said of a message before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Who wrote what to whom.
    pub envelope: EnvelopeStructure,
    /// Its parts.
    pub structure: Part,
    /// Its first words.
    pub preview: String,
}

impl Outline {
    /// Reads a message.
    pub fn read(message: &[u8]) -> Self {
        let structure = Part::read(message);
        let header = message.get(structure.header.clone()).unwrap_or_default();
        let envelope = EnvelopeStructure::read(&HeaderSection::read(header));
        Self { envelope, preview: preview(message, &structure), structure }
    }
}
