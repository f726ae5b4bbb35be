//! The text of one part: its transfer encoding and charset decoded, its markup removed.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

use super::markup;
use crate::decode::TransferEncoding;
use crate::message::text;
use crate::structure::{EnvelopeAddress, Part};

/// Octets of a part for one of its text: base64, entities and tags are longer than what they say.
const OCTETS_FOR_ONE: usize = 8;

/// The text of a part that is text, and whether all of it was looked at.
pub(super) fn text<'a>(part: &Part, octets: &'a [u8], octets_max: usize) -> (Cow<'a, str>, bool) {
    let looked_at = octets_max.saturating_mul(OCTETS_FOR_ONE);
    let (octets, is_whole) = octets.get(..looked_at).map_or((octets, true), |front| (front, false));
    let text = characters(part, encoding(part), octets, usize::MAX);
    (if part.subtype == "html" { Cow::Owned(markup::text(&text)) } else { text }, is_whole)
}

/// What the octets of a part stand for; of so many, when they are decoded.
pub(crate) fn characters<'a>(part: &Part, encoding: TransferEncoding, octets: &'a [u8], decoded_max: usize) -> Cow<'a, str> {
    match encoding.decoded(octets) {
        Cow::Borrowed(octets) => in_charset(charset(part), octets.get(..decoded_max).unwrap_or(octets)),
        Cow::Owned(mut octets) => {
            octets.truncate(decoded_max);
            Cow::Owned(in_charset(charset(part), &octets).into_owned())
        }
    }
}

/// Whether what a part says stands in it as it is.
pub(super) fn is_plain(part: &Part) -> bool {
    part.kind == "text" && part.subtype != "html" && encoding(part) == TransferEncoding::Identity && decoder(charset(part)).is_none()
}

fn encoding(part: &Part) -> TransferEncoding {
    TransferEncoding::parse(&part.encoding).unwrap_or(TransferEncoding::Identity)
}

fn charset(part: &Part) -> &str {
    let charset = part.parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case("charset"));
    charset.map_or("utf-8", |charset| &charset.value)
}

/// An address as people see it.
pub(super) fn address(address: &EnvelopeAddress) -> String {
    match address {
        EnvelopeAddress::Mailbox { name, local, domain, .. } => {
            format!("{} <{local}@{domain}>", text::decode(name.as_deref().unwrap_or_default()))
        }
        EnvelopeAddress::GroupStart(name) => text::decode(name),
        EnvelopeAddress::GroupEnd => String::new(),
    }
}

fn in_charset<'a>(charset: &str, octets: &'a [u8]) -> Cow<'a, str> {
    decoder(charset).map_or_else(|| utf8(octets), |decode| Cow::Owned(decode(octets)))
}

/// None for UTF-8, and for what nobody knows.
fn decoder(charset: &str) -> Option<fn(&[u8]) -> String> {
    let is_utf8 = ["utf-8", "us-ascii", "utf8", "ascii"].iter().any(|name| name.eq_ignore_ascii_case(charset.trim()));
    charset_decoder(charset.trim().as_bytes()).filter(|_| !is_utf8)
}

/// As `String::from_utf8_lossy`, which looks at each character even where there is nothing to replace.
pub(super) fn utf8(octets: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(octets).map_or_else(|_| String::from_utf8_lossy(octets), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_are_those_of_the_world() {
        assert_eq!(in_charset("iso-8859-1", b"\xe4"), "\u{e4}");
        assert_eq!(in_charset("koi8-r", b"\xd0"), "\u{43f}");
        assert_eq!(in_charset("iso-2022-jp", b"\x1b$B2q5D\x1b(B"), "\u{4f1a}\u{8b70}");
        assert_eq!(in_charset("nothing", b"\xe4"), "\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn no_markup_makes_reading_panic(html in "(<|>|&|;|#|x|/|!|-|style|head|é| |\n|&#xff;){0,30}") {
            let part = Part { subtype: "html".to_owned(), ..Part::read(b"Content-Type: text/html\r\n\r\n") };
            let _read = text(&part, html.as_bytes(), 100);
        }
    }
}
