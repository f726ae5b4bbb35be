//! What of a header section sorts and threads a message (RFC 5256, RFC 5957), read once and kept.

use crate::fold::fold;
use crate::message::{HeaderSection, text};
use crate::references;
use crate::sent::Sent;
use crate::structure::{EnvelopeAddress, EnvelopeStructure};
use crate::subject::BaseSubject;

/// Octets of one text by which messages are sorted: longer ones differ before.
const TEXT_OCTETS_MAX: usize = 300;

/// What of a header section sorts and threads a message. Texts are folded: they compare octet by octet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// When it says it was sent.
    pub sent: Option<Sent>,
    /// Its subject without what answers add to it.
    pub subject: BaseSubject,
    /// What stands before the `@` of the first address in From.
    pub from: String,
    /// The same of To.
    pub to: String,
    /// The same of Cc.
    pub cc: String,
    /// The first name in From, or else its address.
    pub display_from: String,
    /// The same of To.
    pub display_to: String,
    /// Its own id.
    pub message_id: Option<String>,
    /// The ids it refers to, the oldest first.
    pub references: Vec<String>,
}

impl Summary {
    /// Reads a header section.
    pub fn read(header: &HeaderSection<'_>) -> Self {
        let envelope = EnvelopeStructure::read(header);
        Self {
            sent: envelope.date.as_deref().and_then(Sent::parse),
            subject: envelope.subject.map(|subject| BaseSubject::of(&text::decode(&subject))).unwrap_or_default(),
            from: local(&envelope.from),
            to: local(&envelope.to),
            cc: local(&envelope.cc),
            display_from: display(&envelope.from),
            display_to: display(&envelope.to),
            message_id: references::message_id(header),
            references: references::references(header),
        }
    }
}

/// `[IMAP] addr-mailbox` of the first address: of a group, its name.
fn local(addresses: &[EnvelopeAddress]) -> String {
    match addresses.first() {
        Some(EnvelopeAddress::Mailbox { local, .. }) => bounded(local),
        Some(EnvelopeAddress::GroupStart(name)) => bounded(&text::decode(name)),
        Some(EnvelopeAddress::GroupEnd) | None => String::new(),
    }
}

/// RFC 5957 section 3: the name if there is one, or else the address.
fn display(addresses: &[EnvelopeAddress]) -> String {
    match addresses.first() {
        Some(EnvelopeAddress::Mailbox { name, local, domain, .. }) => {
            let name = name.as_deref().map(text::decode).filter(|name| !name.is_empty());
            bounded(&name.unwrap_or_else(|| format!("{local}@{domain}")))
        }
        Some(EnvelopeAddress::GroupStart(name)) => bounded(&text::decode(name)),
        Some(EnvelopeAddress::GroupEnd) | None => String::new(),
    }
}

fn bounded(text: &str) -> String {
    let mut folded = fold(text);
    folded.truncate(folded.floor_char_boundary(TEXT_OCTETS_MAX));
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_section_is_summed_up() {
        let header = "From: =?utf-8?q?J=C3=BCrgen?= <J.Meier@a.test>\r\nTo: team: Bob <bob@b.test>;\r\nCc: Carol@c.test, dave@d.test\r\n\
                      Subject: Re: =?utf-8?q?=C3=84pfel?=\r\nDate: Sat, 21 Nov 2026 09:30:05 +0100\r\nMessage-ID: <1@a.test>\r\n\
                      References: <0@a.test>\r\n\r\n";
        let summary = Summary::read(&HeaderSection::read(header.as_bytes()));
        assert_eq!(summary.sent.unwrap().at.to_rfc3339(), "2026-11-21T08:30:05Z");
        assert_eq!(summary.subject, BaseSubject { text: fold("\u{e4}pfel"), is_reply: true });
        assert_eq!((summary.from.as_str(), summary.to.as_str(), summary.cc.as_str()), ("j.meier", "team", "carol"));
        assert_eq!((summary.display_from, summary.display_to), (fold("J\u{fc}rgen"), "team".to_owned()));
        assert_eq!((summary.message_id.as_deref(), summary.references), (Some("1@a.test"), vec!["0@a.test".to_owned()]));
        let bare = Summary::read(&HeaderSection::read(b"From: x@Y.test\r\n\r\n"));
        assert_eq!((bare.display_from.as_str(), bare.sent), ("x@y.test", None));
        assert_eq!(Summary::read(&HeaderSection::read(b"")), Summary::default());
    }
}
