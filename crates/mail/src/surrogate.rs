//! Internationalised header sections for clients that read only ASCII (RFC 6855 section 7, RFC 6858).
//!
//! What is not UTF-8 either stays as it is: of that, nothing better can be told. Bodies stay in any case.

use std::fmt::Write as _;

use data_encoding::BASE64;

use crate::message::{Field, HeaderSection, text};
use crate::structure::{EnvelopeAddress, EnvelopeStructure, Inside, Parameter, Part, address_list, structured_field};

/// RFC 6858 section 2.1: nobody's, and it says why.
const LOCAL: &str = "invalid";
const DOMAIN: &str = "internationalized-address.invalid";

/// Octets of text in one encoded-word: with its frame, it has 75 at most (RFC 2047 section 2).
const WORD_OCTETS_MAX: usize = 45;

const ADDRESSES: [&str; 12] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
    "Resent-Bcc",
    "Disposition-Notification-To",
];
const TEXTS: [&str; 6] = ["Subject", "Comments", "Keywords", "Content-Description", "Organization", "Thread-Topic"];

/// A header section in ASCII; `None` where it needs none.
pub fn header(section: &[u8]) -> Option<Vec<u8>> {
    if section.is_ascii() || std::str::from_utf8(section).is_err() {
        return None;
    }
    let read = HeaderSection::read(section);
    if read.is_missing() {
        return None;
    }
    let mut out = Vec::with_capacity(section.len() * 2);
    for field in read.fields() {
        if field.octets().is_ascii() {
            out.extend_from_slice(field.octets());
        } else if let Some(value) = value(field) {
            out.extend_from_slice(format!("{}: {value}\r\n", field.name()).as_bytes());
        }
    }
    out.extend_from_slice(section.get(read.octets().len()..).unwrap_or_default());
    Some(out)
}

/// A field's value in ASCII; nothing if the field can't have any (RFC 6858 section 2.4).
fn value(field: &Field<'_>) -> Option<String> {
    let value = text::unfold(field.value());
    let named = |names: &[&str]| names.iter().any(|name| field.is(name));
    if named(&ADDRESSES) {
        let mut list = address_list(&value);
        list.iter_mut().for_each(address);
        return Some(written(&list));
    }
    if named(&["Content-Type", "Content-Disposition"]) {
        let (first, mut parameters) = structured_field(&value);
        if !first.is_ascii() {
            return None;
        }
        parameters.iter_mut().for_each(parameter);
        let put = |mut out: String, parameter: &Parameter| {
            let _infallible = write!(out, ";\r\n {}={}", parameter.name, quoted(&parameter.value));
            out
        };
        return Some(parameters.iter().filter(|parameter| parameter.name.is_ascii()).fold(first, put));
    }
    let is_extra = field.name().get(..2).is_some_and(|front| front.eq_ignore_ascii_case("X-"));
    (is_extra || named(&TEXTS)).then(|| words(value.trim()).replace(' ', "\r\n "))
}

/// An envelope in ASCII.
pub fn envelope(envelope: &mut EnvelopeStructure) {
    if let Some(subject) = envelope.subject.as_mut().filter(|subject| !subject.is_ascii()) {
        *subject = words(subject);
    }
    for only_ascii in [&mut envelope.date, &mut envelope.in_reply_to, &mut envelope.message_id] {
        only_ascii.take_if(|value| !value.is_ascii());
    }
    let EnvelopeStructure { from, sender, reply_to, to, cc, bcc, .. } = envelope;
    [from, sender, reply_to, to, cc, bcc].into_iter().flatten().for_each(address);
}

/// A structure in ASCII.
pub fn structure(part: &mut Part) {
    part.parameters.iter_mut().chain(part.disposition.iter_mut().flat_map(|disposition| &mut disposition.parameters)).for_each(parameter);
    if let Some(description) = part.description.as_mut().filter(|description| !description.is_ascii()) {
        *description = words(description);
    }
    for only_ascii in [&mut part.id, &mut part.md5, &mut part.location] {
        only_ascii.take_if(|value| !value.is_ascii());
    }
    part.languages.retain(|language| language.is_ascii());
    part.disposition.take_if(|disposition| !disposition.kind.is_ascii());
    if !part.encoding.is_ascii() {
        // RFC 2045 section 6.4: an encoding that nobody knows.
        "x-unknown".clone_into(&mut part.encoding);
    }
    if !part.kind.is_ascii() {
        "application".clone_into(&mut part.kind);
    }
    if !part.subtype.is_ascii() {
        "x-unknown".clone_into(&mut part.subtype);
    }
    match &mut part.inside {
        Inside::Content => {}
        Inside::Parts(parts) => parts.iter_mut().for_each(structure),
        Inside::Message(inner, message) => {
            envelope(inner);
            structure(message);
        }
    }
}

/// RFC 6858 section 2.1.
fn address(address: &mut EnvelopeAddress) {
    match address {
        EnvelopeAddress::Mailbox { name, route, local, domain } => {
            // It leads nowhere any more.
            *route = route.take().filter(|route| route.is_ascii());
            if !local.is_ascii() || !domain.is_ascii() {
                let said = name.as_ref().map(|name| text::decode(name)).filter(|name| !name.is_empty());
                let said = said.map_or_else(|| format!("{local}@{domain}"), |name| format!("{name} <{local}@{domain}>"));
                *name = Some(words(&said));
                LOCAL.clone_into(local);
                DOMAIN.clone_into(domain);
            } else if let Some(name) = name.as_mut().filter(|name| !name.is_ascii()) {
                *name = words(&text::decode(name));
            }
        }
        EnvelopeAddress::GroupStart(name) if !name.is_ascii() => *name = words(name),
        EnvelopeAddress::GroupStart(_) | EnvelopeAddress::GroupEnd => {}
    }
}

/// RFC 6858 section 2.2, with the value kept as RFC 2231 can.
fn parameter(parameter: &mut Parameter) {
    if parameter.value.is_ascii() {
        return;
    }
    let mut value = "utf-8''".to_owned();
    for octet in parameter.value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._".contains(&octet) {
            value.push(char::from(octet));
        } else {
            let _infallible = write!(value, "%{octet:02X}");
        }
    }
    parameter.value = value;
    if !parameter.name.ends_with('*') {
        parameter.name.push('*');
    }
}

/// Text as encoded-words, with a space between them.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = (1..=WORD_OCTETS_MAX.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let space = if out.is_empty() { "" } else { " " };
        let _infallible = write!(out, "{space}=?utf-8?B?{}?=", BASE64.encode(word.as_bytes()));
        rest = behind;
    }
    out
}

/// An address list as a field has it, a line for each address.
fn written(list: &[EnvelopeAddress]) -> String {
    let mut out = String::new();
    let mut follows_one = false;
    for address in list {
        let comma = if follows_one { ",\r\n " } else { "" };
        follows_one = !matches!(address, EnvelopeAddress::GroupStart(_));
        let _infallible = match address {
            EnvelopeAddress::Mailbox { name, local, domain, .. } => {
                let at = if domain.is_empty() { "" } else { "@" };
                let local = if local.bytes().all(|octet| is_atext(octet) || octet == b'.') { local.clone() } else { quote(local) };
                match name {
                    Some(name) => write!(out, "{comma}{} <{local}{at}{domain}>", phrase(name)),
                    None => write!(out, "{comma}{local}{at}{domain}"),
                }
            }
            EnvelopeAddress::GroupStart(name) => write!(out, "{comma}{}: ", phrase(name)),
            EnvelopeAddress::GroupEnd => write!(out, ";"),
        };
    }
    out
}

/// ```abnf
/// atext = ALPHA / DIGIT / "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "/" / "=" / "?" / "^" / "_" / "`" / "{" / "|" / "}" / "~"
/// ```
fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

fn phrase(name: &str) -> String {
    if !name.is_empty() && name.bytes().all(|octet| is_atext(octet) || octet == b' ') { name.to_owned() } else { quote(name) }
}

fn quoted(value: &str) -> String {
    if !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-._%'".contains(&octet)) {
        value.to_owned()
    } else {
        quote(value)
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_ascii(section: &str) -> String {
        String::from_utf8(header(section.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_header_section_becomes_ascii_and_says_the_same() {
        let written = in_ascii(
            "From: Ren\u{e9} <ren\u{e9}@b\u{fc}cher.test>\r\nTo: \"B, C\" <b@b.test>, gr\u{fc}ppe: Zo\u{eb} <zoe@z.test>;, \u{e9}@a.test\r\n\
             Subject: Gr\u{fc}\u{df}e an alle, die diese sehr lange Zeile lesen m\u{f6}chten\r\nMessage-ID: <\u{e9}@a.test>\r\n\
             Content-Type: text/plain; charset=utf-8; name=\"\u{e9} x.txt\"\r\nX-Note: na\u{ef}ve\r\nReceived: from \u{e9}\r\nDate:  kept  as is\r\n\r\n",
        );
        assert!(written.is_ascii(), "{written}");
        let read = HeaderSection::read(written.as_bytes());
        let text = |name: &str| read.named(name).next().map(Field::text);
        assert_eq!(text("Subject").as_deref(), Some("Gr\u{fc}\u{df}e an alle, die diese sehr lange Zeile lesen m\u{f6}chten"));
        assert_eq!(text("From").as_deref(), Some("Ren\u{e9} <ren\u{e9}@b\u{fc}cher.test> <invalid@internationalized-address.invalid>"));
        assert_eq!(
            text("To").as_deref(),
            Some("\"B, C\" <b@b.test>, gr\u{fc}ppe: Zo\u{eb} <zoe@z.test>;, \u{e9}@a.test <invalid@internationalized-address.invalid>")
        );
        assert_eq!(text("X-Note").as_deref(), Some("na\u{ef}ve"));
        assert_eq!((text("Message-ID"), text("Received")), (None, None));
        assert!(written.contains("Date:  kept  as is\r\n") && written.ends_with("\r\n\r\n"));
        assert!(written.contains("Content-Type: text/plain;\r\n charset=utf-8;\r\n name*=utf-8''%C3%A9%20x.txt\r\n"), "{written}");
        assert!(written.split("\r\n").all(|line| line.len() <= 100), "{written}");
    }

    #[test]
    fn what_needs_nothing_or_can_not_be_helped_stays() {
        for section in [&b"Subject: plain\r\n\r\n"[..], b"Subject: caf\xe9\r\n\r\n", b"", "caf\u{e9} all body".as_bytes()] {
            assert_eq!(header(section), None);
        }
    }

    #[test]
    fn envelopes_and_structures_become_ascii() {
        let message = "From: Ren\u{e9} <r@b.test>\r\nTo: \u{e9}@a.test\r\nSubject: \u{e9}\r\nMessage-ID: <\u{e9}>\r\n\
                       Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/x; name=\"\u{e9}\"\r\n\
                       Content-Disposition: attachment; filename=\"\u{e9}\"\r\nContent-Description: \u{e9}\r\nContent-ID: <\u{e9}>\r\n\r\nx\r\n\
                       --b\r\nContent-Type: message/global\r\n\r\nSubject: \u{e9}\r\n\r\n\r\n--b--\r\n";
        let mut read = EnvelopeStructure::read(&HeaderSection::read(message.as_bytes()));
        envelope(&mut read);
        assert!(format!("{read:?}").is_ascii(), "{read:?}");
        assert_eq!(read.subject.as_deref().map(text::decode).as_deref(), Some("\u{e9}"));
        assert_eq!(
            read.to,
            [EnvelopeAddress::Mailbox {
                name: Some(words("\u{e9}@a.test")),
                route: None,
                local: LOCAL.to_owned(),
                domain: DOMAIN.to_owned()
            }]
        );
        let mut part = Part::read(message.as_bytes());
        structure(&mut part);
        assert!(format!("{part:?}").is_ascii(), "{part:?}");
        let Inside::Parts(parts) = &part.inside else { panic!("no parts") };
        assert_eq!((parts[0].parameters[0].name.as_str(), parts[0].parameters[0].value.as_str()), ("name*", "utf-8''%C3%A9"));
    }

    proptest::proptest! {
        #[test]
        fn every_utf8_header_section_becomes_ascii(
            fields in proptest::collection::vec("(From|To|Subject|Content-Type|X-A|Received): [a\u{e9}\u{1f600}<>@,:;\"\\\\() =]{0,40}", 1..6),
        ) {
            let section = format!("{}\r\n\r\n", fields.join("\r\n"));
            if let Some(written) = header(section.as_bytes()) {
                proptest::prop_assert!(written.is_ascii(), "{}", String::from_utf8_lossy(&written));
                let read = HeaderSection::read(&written);
                proptest::prop_assert_eq!(read.body_start(), written.len());
            }
        }
    }
}
