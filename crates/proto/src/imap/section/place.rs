//! Where in a message a section stands (RFC 9051 section 6.4.5.1).

use std::ops::Range;

use mail::message::HeaderSection;
use mail::structure::{Inside, Part};

use super::{Section, SectionText};

/// What a section is made of: a header section or some of its fields, a body, or one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// A header section, with the empty line behind it.
    pub header: Option<Range<usize>>,
    /// Which of its fields.
    pub fields: Fields<'a>,
    /// A body.
    pub body: Option<Range<usize>>,
}

/// Some of a header section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields<'a> {
    /// All of it, as it stands.
    All,
    /// The fields of these names.
    Only(&'a [String]),
    /// All other fields.
    Not(&'a [String]),
}

impl Section {
    /// Where it stands in a message of this structure; `None` if there is no such part.
    pub fn place(&self, message: &Part) -> Option<Place<'_>> {
        let part = message.find(&self.part)?;
        // Without a path, it is the message that is meant; with one, the message inside (RFC 9051 section 6.4.5.1).
        let inner = || match &part.inside {
            _ if self.part.is_empty() => Some(part),
            Inside::Message(_, inner) => Some(inner.as_ref()),
            Inside::Content | Inside::Parts(_) => None,
        };
        let header = |fields| Some(Place { header: Some(inner()?.header.clone()), fields, body: None });
        let body = |range: &Range<usize>| Some(Place { header: None, fields: Fields::All, body: Some(range.clone()) });
        match &self.of {
            SectionText::Whole if self.part.is_empty() => {
                Some(Place { header: Some(part.header.clone()), fields: Fields::All, body: Some(part.body.clone()) })
            }
            SectionText::Whole => body(&part.body),
            SectionText::Header => header(Fields::All),
            SectionText::HeaderFields(names) => header(Fields::Only(names)),
            SectionText::HeaderFieldsNot(names) => header(Fields::Not(names)),
            SectionText::Text => body(&inner()?.body),
            SectionText::Mime => Some(Place { header: Some(part.header.clone()), fields: Fields::All, body: None }),
        }
    }
}

impl Fields<'_> {
    /// These of a header section's octets. Some fields are told with an empty line behind them, whether there was one or not.
    pub fn select(self, header: &[u8]) -> Vec<u8> {
        let (names, wanted) = match self {
            Self::All => return header.to_vec(),
            Self::Only(names) => (names, true),
            Self::Not(names) => (names, false),
        };
        let mut out = Vec::new();
        for field in HeaderSection::read(header).fields() {
            if names.iter().any(|name| field.is(name)) == wanted {
                out.extend_from_slice(field.octets());
            }
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::command::fetch::FetchItem;
    use crate::imap::command::{Command, parse};
    use crate::imap::mailbox_name::NameForm;

    const MESSAGE: &str = "From: a@a.test\r\nSubject: outer\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npreamble\r\n--x\r\n\r\nfirst\r\n--x\r\n\
        Content-Type: message/rfc822\r\nX-Mime: 2\r\n\r\nSubject: inner\r\nTo: b@b.test\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n\
        --y\r\n\r\nplain\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>\r\n--y--\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n\
        Subject: single\r\n\r\nbody\r\n--x--\r\nepilogue\r\n";

    fn told(message: &str, section: &str) -> Option<String> {
        let command = parse(format!("a FETCH 1 BODY{section}").as_bytes(), NameForm::Utf8).unwrap().command;
        let Command::Fetch(fetch) = command else { panic!("no FETCH") };
        let [FetchItem::Section { section, .. }] = fetch.items.as_slice() else { panic!("no section") };
        let part = Part::read(message.as_bytes());
        let place = section.place(&part)?;
        let header = place.header.map(|range| place.fields.select(&message.as_bytes()[range])).unwrap_or_default();
        let body = place.body.map(|range| &message.as_bytes()[range]).unwrap_or_default();
        Some(String::from_utf8([header.as_slice(), body].concat()).unwrap())
    }

    #[test]
    fn each_section_is_found() {
        let (header, body) = MESSAGE.split_at(MESSAGE.find("preamble").unwrap());
        let inner = "Subject: inner\r\nTo: b@b.test\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n";
        for (section, expected) in [
            ("[]", Some(MESSAGE)),
            ("[HEADER]", Some(header)),
            ("[TEXT]", Some(body)),
            ("[HEADER.FIELDS (subject X-None)]", Some("Subject: outer\r\n\r\n")),
            ("[HEADER.FIELDS (X-None)]", Some("\r\n")),
            ("[HEADER.FIELDS.NOT (From Content-Type)]", Some("Subject: outer\r\n\r\n")),
            ("[1]", Some("first")),
            ("[1.MIME]", Some("\r\n")),
            ("[1.HEADER]", None),
            ("[1.TEXT]", None),
            ("[1.1]", None),
            ("[2.MIME]", Some("Content-Type: message/rfc822\r\nX-Mime: 2\r\n\r\n")),
            ("[2.HEADER]", Some(inner)),
            ("[2.HEADER.FIELDS (To)]", Some("To: b@b.test\r\n\r\n")),
            ("[2.HEADER.FIELDS.NOT (To Content-Type)]", Some("Subject: inner\r\n\r\n")),
            ("[2.TEXT]", Some("--y\r\n\r\nplain\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>\r\n--y--")),
            ("[2.1]", Some("plain")),
            ("[2.2]", Some("<p>")),
            ("[2.2.MIME]", Some("Content-Type: text/html\r\n\r\n")),
            ("[2.2.HEADER]", None),
            ("[2.3]", None),
            ("[3]", Some("Subject: single\r\n\r\nbody")),
            ("[3.1]", Some("body")),
            ("[3.1.MIME]", Some("Subject: single\r\n\r\n")),
            ("[3.TEXT]", Some("body")),
            ("[4]", None),
            ("[1.2.3.4.5.6.7.8.9]", None),
        ] {
            assert_eq!(told(MESSAGE, section).as_deref(), expected, "{section}");
        }
    }

    #[test]
    fn malformed_messages_have_sections_too() {
        for (message, section, expected) in [
            ("", "[]", Some("")),
            ("", "[HEADER.FIELDS (To)]", Some("\r\n")),
            ("", "[1]", Some("")),
            ("no header", "[HEADER]", Some("")),
            ("no header", "[TEXT]", Some("no header")),
            ("Subject: only", "[HEADER]", Some("Subject: only")),
            ("Subject: only\r\n", "[TEXT]", Some("")),
            ("Subject: x\r\n\r\nbody", "[1]", Some("body")),
            ("Subject: x\r\n\r\nbody", "[1.MIME]", Some("Subject: x\r\n\r\n")),
            ("Subject: x\r\n\r\nbody", "[2]", None),
            ("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nnever ends", "[1]", Some("never ends")),
            ("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx", "[1.HEADER]", Some("Subject: in\r\n\r\n")),
            ("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx", "[1.1]", Some("x")),
            ("Subject: x\n\nb\0d\r", "[TEXT]", Some("b\0d\r")),
        ] {
            assert_eq!(told(message, section).as_deref(), expected, "{message:?} {section}");
        }
    }
}
