//! The text of a message as a search sees it: decoded, folded, without markup (RFC 9051 section 6.4.4).

mod decoded;
mod markup;

use crate::fold;
use crate::message::{HeaderSection, text};
use crate::structure::{EnvelopeAddress, EnvelopeStructure, Inside, Part, address_list};

use decoded::utf8;

pub(crate) use decoded::characters;

/// Octets of header sections that are kept: what stands behind so many is for programs.
const HEAD_OCTETS_MAX: usize = 65_536;

/// Signatures: long, and nothing that anybody looks for.
const LEFT_OUT: [&str; 5] = ["DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "X-Google-DKIM-Signature", "Authentication-Results"];

/// The text of a message as a search sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Searchable {
    /// One line `name: value` for each field, folded; begins and ends with a line end.
    pub head: String,
    /// The text of the body: of each part that is text, and of each header section inside.
    pub body: String,
    /// Nothing was left out: what is not found here is not in the message.
    pub is_whole: bool,
}

/// What is looked for; folded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needle(String);

impl Needle {
    /// Of what somebody typed.
    pub fn new(text: &str) -> Self {
        Self(fold::fold(text))
    }

    /// Folded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Searchable {
    /// Reads a message, up to so many octets of text in its body.
    pub fn read(message: &[u8], body_octets_max: usize) -> Self {
        Self::of(message, &Part::read(message), body_octets_max)
    }

    /// The same of a message whose structure was read.
    pub fn of(message: &[u8], structure: &Part, body_octets_max: usize) -> Self {
        let header = HeaderSection::read(message);
        let mut read = Self { head: "\n".to_owned(), body: String::new(), is_whole: true };
        read.is_whole = push_fields(&header, &mut read.head, HEAD_OCTETS_MAX);
        let whole = push_body(message, structure, &mut read.body, body_octets_max);
        read.is_whole &= whole;
        read
    }

    /// Whether a field of this name is always among those kept.
    pub fn keeps_field(name: &str) -> bool {
        !LEFT_OUT.iter().any(|left_out| left_out.eq_ignore_ascii_case(name.trim()))
    }

    /// Whether the text stands anywhere.
    pub fn has(&self, needle: &Needle) -> bool {
        self.body.contains(&needle.0) || self.head.contains(&needle.0)
    }

    /// Whether the text stands in the body.
    pub fn has_in_body(&self, needle: &Needle) -> bool {
        self.body.contains(&needle.0)
    }

    /// Whether the text stands in a field of this name; an empty one does in each.
    pub fn has_in_field(&self, name: &str, needle: &Needle) -> bool {
        let name = fold::fold(name);
        let values = self.head.lines().filter_map(|line| line.strip_prefix(name.trim())?.strip_prefix(':'));
        let mut trimmed = values.map(|value| value.strip_prefix(' ').unwrap_or(value));
        trimmed.any(|value| value.contains(&needle.0))
    }
}

/// From which octet on a message is nothing but the text of its body, as it is written: in one part, neither encoded nor marked up.
pub fn plain_body(message: &[u8], structure: &Part) -> Option<usize> {
    let is_plain = structure.inside == Inside::Content && structure.body.end == message.len() && decoded::is_plain(structure);
    is_plain.then_some(structure.body.start)
}

/// The text of such a body, as [`Searchable::body`] has it if it has all of it.
pub fn of_plain_body(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() + 1);
    fold::push(&utf8(octets), &mut text, usize::MAX);
    text.push('\n');
    text
}

/// Whether a field of this name has this text, in a header section itself: for fields that are not kept.
pub fn field_has(header: &HeaderSection<'_>, name: &str, needle: &Needle) -> bool {
    header.named(name.trim()).any(|field| fold::fold(&shown(field.name(), field.text())).contains(&needle.0))
}

/// The fields whose addresses are looked for.
const ADDRESSES: [&str; 6] = ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

/// The text of a field; and behind it, of addresses that are written with comments or white space inside, what they are without.
fn shown(name: &str, text: String) -> String {
    let is_plain = !text.contains('(') && !text.contains("@ ") && !text.contains(" @");
    if is_plain || !ADDRESSES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return text;
    }
    let mut shown = text;
    for address in address_list(&shown.clone()) {
        if let EnvelopeAddress::Mailbox { local, domain, .. } = address {
            let address = format!("{local}@{domain}");
            if !shown.contains(&address) {
                shown.push(' ');
                shown.push_str(&address);
            }
        }
    }
    shown
}

fn push_fields(header: &HeaderSection<'_>, out: &mut String, octets_max: usize) -> bool {
    for field in header.fields().iter().filter(|field| Searchable::keeps_field(field.name())) {
        fold::push(field.name(), out, octets_max);
        out.push_str(": ");
        let is_whole = fold::push(&shown(field.name(), field.text()), out, octets_max);
        out.push('\n');
        if !is_whole {
            return false;
        }
    }
    true
}

/// Appends the text of a message's body; whether all of it is there.
fn push_body(message: &[u8], whole: &Part, out: &mut String, octets_max: usize) -> bool {
    let mut due = vec![whole];
    while let Some(part) = due.pop() {
        if out.len() >= octets_max {
            return false;
        }
        let is_whole = match &part.inside {
            Inside::Parts(parts) => {
                due.extend(parts.iter().rev());
                true
            }
            Inside::Message(envelope, inner) => {
                due.push(inner);
                push_envelope(envelope, out, octets_max)
            }
            Inside::Content if part.kind == "text" => {
                let octets = message.get(part.body.clone()).unwrap_or_default();
                let (text, is_whole) = decoded::text(part, octets, octets_max);
                out.reserve(text.len().min(octets_max) + 1);
                let is_pushed = fold::push(&text, out, octets_max);
                out.push('\n');
                is_whole && is_pushed
            }
            Inside::Content => push_names(part, out, octets_max),
        };
        if !is_whole {
            return false;
        }
    }
    true
}

/// Of a message inside, what people see of its header section.
fn push_envelope(envelope: &EnvelopeStructure, out: &mut String, octets_max: usize) -> bool {
    let subject = envelope.subject.iter().map(|subject| text::decode(subject));
    let addresses = [&envelope.from, &envelope.to, &envelope.cc].into_iter().flatten().map(decoded::address);
    subject.chain(addresses).all(|line| {
        let is_whole = fold::push(&line, out, octets_max);
        out.push('\n');
        is_whole
    })
}

/// Of an attachment, what it is called.
fn push_names(part: &Part, out: &mut String, octets_max: usize) -> bool {
    let inside = part.disposition.iter().flat_map(|disposition| &disposition.parameters).chain(&part.parameters);
    let names = inside.filter(|parameter| ["filename", "name"].iter().any(|name| parameter.name.eq_ignore_ascii_case(name)));
    let names = names.map(|parameter| parameter.value.as_str()).chain(part.description.as_deref());
    names.map(text::decode).all(|name| {
        let is_whole = fold::push(&name, out, octets_max);
        out.push('\n');
        is_whole
    })
}

#[cfg(test)]
mod tests;
