//! What a list of messages shows of one, kept so that it is read out of the message only once: its envelope, the fields that
//! mail programs ask for, its parts and where they stand, its first words.

use crate::message::HeaderSection;
use crate::preview::preview;
use crate::structure::{EnvelopeStructure, Part};

/// Changes with [`FIELDS`].
const FIELDS_VERSION: u8 = 1;

/// Fields that mail programs ask for when they list messages.
const FIELDS: [&str; 34] = [
    "Bcc",
    "Cc",
    "Content-Class",
    "Content-Description",
    "Content-Transfer-Encoding",
    "Content-Type",
    "Date",
    "Disposition-Notification-To",
    "From",
    "Importance",
    "In-Reply-To",
    "Lines",
    "List-Help",
    "List-Id",
    "List-Post",
    "List-Subscribe",
    "List-Unsubscribe",
    "Mail-Followup-To",
    "Mail-Reply-To",
    "Message-ID",
    "MIME-Version",
    "Newsgroups",
    "Priority",
    "References",
    "Reply-To",
    "Return-Path",
    "Sender",
    "Subject",
    "To",
    "X-Label",
    "X-Original-To",
    "X-Priority",
    "X-Spam-Flag",
    "X-TUID",
];

/// What is said of a message before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Who wrote what to whom.
    pub envelope: EnvelopeStructure,
    /// Some of its fields, as they stand: all of those that [`Outline::has_fields`] is true of.
    pub fields: Vec<u8>,
    /// Its parts.
    pub structure: Part,
    /// Its first words.
    pub preview: String,
}

/// An outline as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedOutline {
    /// Read by [`EnvelopeStructure::unpack`].
    pub envelope: Vec<u8>,
    /// Read by [`Outline::unpack_fields`].
    pub fields: Vec<u8>,
    /// Read by [`Part::unpack`].
    pub structure: Vec<u8>,
    /// As it is.
    pub preview: String,
    /// What is told of the structure, word for word, if whoever packs it knows that it is the same for everybody.
    pub told: Option<Vec<u8>>,
}

impl Outline {
    /// Reads a message.
    pub fn read(message: &[u8]) -> Self {
        Self::of(message, Part::read(message))
    }

    /// Of a message whose structure was read.
    pub fn of(message: &[u8], structure: Part) -> Self {
        let section = HeaderSection::read(message.get(structure.header.clone()).unwrap_or_default());
        let mut fields = Vec::new();
        for field in section.fields() {
            if FIELDS.iter().any(|name| field.is(name)) {
                fields.extend_from_slice(field.octets());
            }
        }
        Self { envelope: EnvelopeStructure::read(&section), fields, preview: preview(message, &structure), structure }
    }

    /// Whether all fields of these names are among those of an outline.
    pub fn has_fields(names: &[String]) -> bool {
        names.iter().all(|name| FIELDS.iter().any(|kept| kept.eq_ignore_ascii_case(name)))
    }

    /// As it is kept.
    pub fn pack(&self) -> PackedOutline {
        PackedOutline {
            envelope: self.envelope.pack(),
            fields: [&[FIELDS_VERSION], self.fields.as_slice()].concat(),
            structure: self.structure.pack(),
            preview: self.preview.clone(),
            told: None,
        }
    }

    /// The fields as they were packed; `None` if another version did it.
    pub fn unpack_fields(octets: &[u8]) -> Option<&[u8]> {
        octets.strip_prefix(&[FIELDS_VERSION])
    }
}

impl PackedOutline {
    /// How much it is.
    pub fn octets(&self) -> usize {
        self.envelope.len() + self.fields.len() + self.structure.len() + self.preview.len() + self.told.as_ref().map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_says_what_its_message_says() {
        let message = "Received: by x\r\nFrom: a@a.test\r\nX-Other: 1\r\nsubject: folded\r\n text\r\nFrom: again\r\n\r\nHello\r\n";
        let outline = Outline::read(message.as_bytes());
        assert_eq!(String::from_utf8_lossy(&outline.fields), "From: a@a.test\r\nsubject: folded\r\n text\r\nFrom: again\r\n");
        assert_eq!((outline.preview.as_str(), outline.structure.body.len()), ("Hello", 7));
        let packed = outline.pack();
        assert_eq!(Outline::unpack_fields(&packed.fields), Some(outline.fields.as_slice()));
        assert_eq!(EnvelopeStructure::unpack(&packed.envelope), Some(outline.envelope));
        assert_eq!(Outline::unpack_fields(b"\0From: a@a.test\r\n"), None);
    }

    #[test]
    fn what_programs_ask_for_is_there() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for list in [
            "From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To",
            "DATE FROM SENDER SUBJECT TO CC MESSAGE-ID REFERENCES CONTENT-TYPE CONTENT-DESCRIPTION IN-REPLY-TO REPLY-TO LINES LIST-POST \
             LIST-SUBSCRIBE LIST-UNSUBSCRIBE X-LABEL X-ORIGINAL-TO",
        ] {
            assert!(Outline::has_fields(&names(list)), "{list}");
        }
        assert!(!Outline::has_fields(&names("From Received")));
    }
}
