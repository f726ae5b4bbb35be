//! The first words of a message, as a list of messages shows them (RFC 8970).

use mail_parser::decoders::html::html_to_text;

use crate::decode::TransferEncoding;
use crate::searchable::characters;
use crate::structure::{Inside, Part};

/// Characters of a preview: RFC 8970 section 3.1 asks for at most 256, and prefers 200.
const CHARACTERS_MAX: usize = 200;
/// Octets of a text that are looked at, encoded. HTML may begin with many that say nothing.
const TEXT_OCTETS_MAX: usize = 64 * 1024;
/// The same, decoded to characters.
const DECODED_OCTETS_MAX: usize = 32 * 1024;

/// The first words of a message with this structure; nothing if it has no text. What it refers to is not looked at.
pub fn preview(message: &[u8], structure: &Part) -> String {
    let Some(part) = text_part(structure) else { return String::new() };
    let body = message.get(part.body.clone()).unwrap_or_default();
    // Of what nobody can decode, nothing is shown.
    let Some(encoding) = TransferEncoding::parse(&part.encoding) else { return String::new() };
    let text = characters(part, encoding, body.get(..TEXT_OCTETS_MAX).unwrap_or(body), DECODED_OCTETS_MAX);
    if part.subtype == "html" { shortened(&html_to_text(&text)) } else { shortened(&text) }
}

/// What is read first: text in the plain before HTML, where it is the same text.
fn text_part(part: &Part) -> Option<&Part> {
    match &part.inside {
        Inside::Content => {
            let is_text = part.kind == "text" && matches!(part.subtype.as_str(), "plain" | "html");
            let is_file = part.disposition.as_ref().is_some_and(|disposition| disposition.kind.eq_ignore_ascii_case("attachment"));
            (is_text && !is_file).then_some(part)
        }
        Inside::Message(..) => None,
        Inside::Parts(_) if part.subtype == "encrypted" => None,
        Inside::Parts(parts) => {
            let mut texts = parts.iter().filter_map(text_part);
            let first = texts.next()?;
            let better = if part.subtype == "alternative" { texts.find(|text| text.subtype == "plain") } else { None };
            Some(if first.subtype == "plain" { first } else { better.unwrap_or(first) })
        }
    }
}

/// The first words on one line: without lines that quote what was answered, and without what can't be seen.
fn shortened(text: &str) -> String {
    let mut words = String::new();
    let mut count = 0;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('>'));
    for word in lines.flat_map(str::split_whitespace) {
        let seen = || word.chars().filter(|character| !is_unseen(*character));
        let length = seen().count();
        if length == 0 {
            continue;
        }
        let space = usize::from(count > 0);
        let left = CHARACTERS_MAX.saturating_sub(count + space);
        if length > left && count > 0 {
            break;
        }
        words.extend(std::iter::repeat_n(' ', space));
        words.extend(seen().take(left));
        count += space + length;
    }
    words
}

/// Controls, marks of direction, and what HTML mail fills up its preview with.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview_of(message: &str) -> String {
        preview(message.as_bytes(), &Part::read(message.as_bytes()))
    }

    fn multipart(subtype: &str, parts: &[&str]) -> String {
        let parts = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect::<Vec<_>>().concat();
        format!("Content-Type: multipart/{subtype}; boundary=b\r\n\r\n{parts}--b--\r\n")
    }

    #[test]
    fn the_first_words_are_those_a_person_would_read() {
        let html = "Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p { x: y }</style><title>t</title></head>\
                    <body><img src=\"https://tracker.test/1.gif\"><p>Hello <b>you</b> &amp; all\u{200c}\u{a0}\u{200c}</p></body></html>";
        let plain = "Content-Type: text/plain\r\n\r\nin plain";
        let file = "Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\na file";
        for (message, expected) in [
            ("Subject: x\r\n\r\nHello,\r\n\r\nhow   are\tyou?\r\n".to_owned(), "Hello, how are you?"),
            ("Subject: x\r\n\r\n> quoted\r\nanswer\r\n".to_owned(), "answer"),
            (
                "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe".to_owned(),
                "Gr\u{fc}\u{df}e",
            ),
            (
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==".to_owned(),
                "Gr\u{fc}\u{df}e",
            ),
            (html.to_owned(), "Hello you & all"),
            (multipart("alternative", &[html, plain]), "in plain"),
            (multipart("mixed", &[html, plain]), "Hello you & all"),
            (multipart("mixed", &[file, plain]), "in plain"),
            (multipart("encrypted", &[plain]), ""),
            (multipart("mixed", &["Content-Type: image/png\r\n\r\nx"]), ""),
            ("Content-Type: text/plain\r\nContent-Transfer-Encoding: x-unknown\r\n\r\nx".to_owned(), ""),
            ("Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR".to_owned(), ""),
            ("\r\na\0b\u{202e}c\r\n".to_owned(), "abc"),
            (String::new(), ""),
        ] {
            assert_eq!(preview_of(&message), expected, "{message}");
        }
    }

    #[test]
    fn a_preview_is_short_and_ends_with_a_word_if_there_are_words() {
        let long = preview_of(&format!("\r\n{}", "word ".repeat(100_000)));
        assert_eq!((long.len(), long.ends_with(" word")), (199, true));
        assert_eq!(preview_of(&format!("\r\n{}", "\u{e9}".repeat(1000))).chars().count(), CHARACTERS_MAX);
    }

    proptest::proptest! {
        #[test]
        fn no_html_makes_it_panic(body in "(<[a-z!/]{0,8}|>|&[a-z#0-9]{0,6};?|--|[ -~]|\u{e9}|\u{a0}|\u{1f600}|\r\n|\0){0,60}") {
            let message = format!("Content-Type: text/html; charset=utf-8\r\n\r\n{body}");
            proptest::prop_assert!(preview_of(&message).chars().count() <= CHARACTERS_MAX);
        }
    }
}
