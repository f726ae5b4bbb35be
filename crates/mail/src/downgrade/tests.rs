//! Converted messages, read back by another reader.

use mail_parser::{MessageParser, MimeHeaders as _};
use proptest::prelude::*;

use super::*;
use crate::structure::{Inside, Part};

fn convert_in(message: &[u8], piece_octets: usize) -> Result<Vec<u8>, Unconvertible> {
    let mut survey = Survey::default();
    message.chunks(piece_octets).for_each(|piece| survey.take(piece));
    let mut downgrade = Downgrade::new(&survey.finish()?);
    let mut out = Vec::new();
    message.chunks(piece_octets).for_each(|piece| downgrade.take(piece, &mut out));
    downgrade.finish(&mut out);
    Ok(out)
}

fn convert(message: &[u8]) -> Result<Vec<u8>, Unconvertible> {
    let whole = convert_in(message, message.len().max(1));
    assert_eq!(whole, convert_in(message, 1), "however it comes");
    if let Ok(converted) = &whole {
        assert!(converted.is_ascii() || !HeaderSection::read(message).octets().is_ascii(), "ASCII");
        let is_short = converted.split(|octet| *octet == b'\n').all(|line| line.len() <= LINE_OCTETS_MAX + 1);
        assert!(is_short, "no long lines");
    }
    whole
}

const MIXED: &str = "From: a@a.test\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n\
    Content-Type: multipart/mixed;\r\n boundary=\"=_x y\"\r\nSubject: kept  as is\r\n\r\npreamble \u{e9}\r\n\
    --=_x y\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nX-Kept: 1\r\n\r\ncaf\u{e9} = good \r\n.dot\r\n\
    --=_x y\r\nContent-Type: text/plain\r\n\r\nplain stays = plain\r\n\
    --=_x y\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: 8bit\r\n\r\nraw \u{e9}\r\nline\r\n\
    --=_x y\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n\
    --in\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>\u{e9}\r\n--in--\r\n\
    --=_x y--\r\nepilogue\r\n";

#[test]
fn every_part_reads_as_before_and_all_fields_but_the_encoding_stay() {
    let converted = convert(MIXED.as_bytes()).unwrap();
    let (before, after) = (MessageParser::new().parse(MIXED.as_bytes()).unwrap(), MessageParser::new().parse(&converted).unwrap());
    assert_eq!(before.parts.len(), after.parts.len());
    for (old, new) in before.parts.iter().zip(&after.parts) {
        assert_eq!(old.content_type().map(|kind| kind.ctype().to_owned()), new.content_type().map(|kind| kind.ctype().to_owned()));
        if old.message().is_none() && old.text_contents().is_some() {
            assert_eq!(old.text_contents(), new.text_contents());
        }
        if matches!(old.body, mail_parser::PartType::Binary(_)) {
            assert_eq!(old.contents(), new.contents());
        }
    }
    let text = String::from_utf8(converted).unwrap();
    for kept in [
        "Subject: kept  as is\r\n",
        "X-Kept: 1\r\n",
        "plain stays = plain\r\n",
        "epilogue\r\n",
        "preamble \u{1a}\u{1a}\r\n",
        "caf=C3=A9 =3D good=20\r\n.dot\r\n--=_x y",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(text.matches("8bit").count(), 0);
}

#[test]
fn a_message_without_mime_becomes_text_of_an_unknown_character_set() {
    let converted = String::from_utf8(convert("From: a@a.test\r\n\r\ncaf\u{e9}\r\n".as_bytes()).unwrap()).unwrap();
    let expected = "From: a@a.test\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\
                    Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=C3=A9\r\n";
    assert_eq!(converted, expected);
}

#[test]
fn text_behind_a_boundary_belongs_to_no_part() {
    let message = |tail: &str| {
        format!(
            "From: a@a.test\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n\
             --q{tail}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\u{e9}\r\n--q--{tail}\r\nepilogue\r\n"
        )
    };
    // More than a piece of a line, too.
    for tail in [" x".to_owned(), "x".repeat(5_000)] {
        let lines_of = |converted: Result<Vec<u8>, Unconvertible>| String::from_utf8(converted.unwrap()).unwrap();
        let (with, without) = (message(&tail), message(""));
        let converted = lines_of(convert_in(with.as_bytes(), 700));
        assert_eq!(converted.replace(&tail, ""), lines_of(convert_in(without.as_bytes(), 700)));
        assert!(converted.contains("=C3=A9\r\n--q--"), "{converted}");
    }
}

#[test]
fn no_line_becomes_a_boundary() {
    let long = |tail: &str| format!("{}{tail}", "x".repeat(75));
    for (boundary, preamble, text) in [
        ("b?", "--b\u{e9}", "\u{e9}".to_owned()),
        ("b=C3", "", "--b\u{e9}".to_owned()),
        ("b=3D", "", "--b=\u{e9}".to_owned()),
        ("b", "", long("--b\u{e9}")),
        ("b", "", long("---b\u{e9}")),
        ("-", "", long("---\u{e9}")),
    ] {
        let body = format!("{text}\r\n- one\r\n-\r\n-- \r\n");
        let message = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n{preamble}\r\n\
             --{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n--{boundary}--\r\n"
        );
        let converted = convert(message.as_bytes()).unwrap();
        let Inside::Parts(parts) = Part::read(&converted).inside else { panic!("no parts") };
        // Alone: mail-parser would find a boundary within a line.
        let alone = &converted[parts[0].header.start..parts[0].body.end];
        let read = MessageParser::new().parse(alone).unwrap();
        assert_eq!((parts.len(), read.parts[0].text_contents()), (1, Some(body.as_str())), "{}", String::from_utf8_lossy(&converted));
        assert_eq!(convert(&converted).unwrap(), converted, "nothing is left to do");
    }
}

#[test]
fn only_the_parts_of_a_digest_are_messages_unsaid() {
    let digest = |text: &str, encoding: &str| {
        format!("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nFrom: a@a.test\r\n{encoding}\r\n{text}\r\n--b--\r\n")
    };
    let converted = String::from_utf8(convert(digest("\u{e9}", "").as_bytes()).unwrap()).unwrap();
    assert_eq!(converted, digest("=C3=A9", "Content-Transfer-Encoding: quoted-printable\r\n"));
}

#[test]
fn an_encoding_is_changed_where_it_stands() {
    let message = "Content-Transfer-Encoding: 8bit\r\n\0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nMIME-Version: 1.0\r\n\r\n\u{e9}\r\n";
    let expected = "Content-Transfer-Encoding: quoted-printable\r\n\0\r\nContent-Type: text/plain\r\nMIME-Version: 1.0\r\n\r\n=C3=A9\r\n";
    assert_eq!(String::from_utf8(convert(message.as_bytes()).unwrap()).unwrap(), expected);
}

#[test]
fn what_needs_nothing_is_not_touched() {
    for message in [
        "",
        "\r\n",
        "From: a@a.test\r\n\r\nplain\r\n",
        "From: a@a.test\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nno end",
    ] {
        assert_eq!(convert(message.as_bytes()).unwrap(), message.as_bytes(), "{message:?}");
    }
}

#[test]
fn what_is_sealed_or_can_not_be_followed_is_left_alone() {
    let part = |kind: &str, parameters: &str, part: &str| {
        format!("Content-Type: {kind}; boundary=b{parameters}\r\n\r\n--b\r\n{part}\r\n\r\n\u{e9}\r\n--b--\r\n")
    };
    let table = [
        (part("multipart/signed", "; micalg=x", "Content-Type: text/plain"), Unconvertible::Sealed),
        (part("multipart/signed (by me)", "", "Content-Type: text/plain"), Unconvertible::Sealed),
        (part("multipart/encrypted", "", "Content-Type: application/x"), Unconvertible::Sealed),
        (part("multipart/mixed", "", "Content-Type: message/partial"), Unconvertible::Unencodable),
        (part("multipart/mixed", "", "Content-Transfer-Encoding: base64"), Unconvertible::Unencodable),
        ("Content-Type: multipart/mixed\r\n\r\n\u{e9}\r\n".to_owned(), Unconvertible::Unfollowable),
        ("Content-Type: multipart/mixed; boundary=\u{e9}\r\n\r\n--\u{e9}\r\n".to_owned(), Unconvertible::Unfollowable),
        ("Content-Type: multipart/mixed; boundary=b\r\n\r\n\u{e9}\r\n".to_owned(), Unconvertible::Unfollowable),
        ("Content-Type: multipart/mixed; boundary=b\r\n\r\n\u{e9}\r\n--b--\r\n".to_owned(), Unconvertible::Unfollowable),
        (part("multipart/mixed", "", "Content-Type: multipart/mixed; boundary=c"), Unconvertible::Unfollowable),
        (part("multipart/mixed", "", "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c--"), Unconvertible::Unfollowable),
    ];
    for (message, expected) in table {
        assert_eq!(convert(message.as_bytes()), Err(expected), "{message}");
    }
    // Text directly behind a boundary: mail programs show it, and there is no place to say how it is encoded.
    for kind in ["multipart/mixed", "multipart/digest"] {
        let headless = part(kind, "", "text, no field");
        assert_eq!(convert(headless.as_bytes()), Err(Unconvertible::Unfollowable), "{kind}");
        let ascii = headless.replace('\u{e9}', "e");
        assert_eq!(convert(ascii.as_bytes()).unwrap(), ascii.as_bytes());
    }
    // Behind parts, nobody reads it.
    let converted = convert(part("multipart/mixed", "", "").replace("--b--\r\n", "--b--\r\n\u{e9}").as_bytes()).unwrap();
    assert!(converted.ends_with(b"--b--\r\n\x1a\x1a"));
    let signed_ascii = part("multipart/signed", "", "X: y").replace('\u{e9}', "e");
    assert_eq!(convert(signed_ascii.as_bytes()).unwrap(), signed_ascii.as_bytes());
}

#[test]
fn long_lines_are_broken_softly() {
    for (kind, line) in [("text/plain", "x ".repeat(5_000)), ("image/x", "y".repeat(9_000))] {
        let message = format!("MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{line}\r\n");
        let converted = convert(message.as_bytes()).unwrap();
        let read = MessageParser::new().parse(&converted).unwrap();
        assert_eq!(read.parts[0].contents(), format!("{line}\r\n").as_bytes(), "{kind}");
    }
}

proptest! {
    #[test]
    fn text_reads_back_whatever_it_is(lines in prop::collection::vec("[ -~\t\u{e9}\u{20ac}]{0,120}", 1..8)) {
        let body = format!("{}\u{e9}\r\n", lines.join("\r\n"));
        let message = format!("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}");
        let converted = convert(message.as_bytes()).unwrap();
        let read = MessageParser::new().parse(&converted).unwrap();
        prop_assert_eq!(read.parts[0].contents(), body.as_bytes());
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut survey = Survey::default();
        survey.take(&octets);
        if let Ok(plan) = survey.finish() {
            let mut out = Vec::new();
            let mut downgrade = Downgrade::new(&plan);
            downgrade.take(&octets, &mut out);
            downgrade.finish(&mut out);
        }
    }
}

/// Whether header fields are beyond ASCII, in whatever pieces the message comes.
fn has_utf8_header(message: &str) -> bool {
    let found = |piece_octets: usize| {
        let mut survey = HeaderSurvey::default();
        message.as_bytes().chunks(piece_octets).for_each(|piece| survey.take(piece));
        survey.finish()
    };
    let whole = found(message.len());
    assert_eq!(found(1), whole, "{message:?} octet by octet");
    whole
}

#[test]
fn fields_beyond_ascii_are_found_at_every_level_and_bodies_are_not_asked() {
    let part = |head: &str, body: &str| format!("Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n{head}\r\n{body}\r\n--x--\r\n");
    for (message, expected) in [
        ("Subject: caf\u{e9}\r\n\r\nx\r\n".to_owned(), true),
        ("X-a: b\r\n caf\u{e9}".to_owned(), true),
        ("Subject: x\r\n\r\ncaf\u{e9}\r\n".to_owned(), false),
        ("caf\u{e9}\r\n\r\nall body\r\n".to_owned(), false),
        (MIXED.to_owned(), false),
        (part("Content-Disposition: attachment; filename=\u{e9}.txt\r\n", "x"), true),
        (part("", "caf\u{e9}"), false),
        (part("Content-Type: message/rfc822\r\n", "Subject: caf\u{e9}\r\n\r\nx"), true),
        (part("Content-Type: message/rfc822\r\n", "Subject: x\r\n\r\ncaf\u{e9}"), false),
        (part("Content-Type: message/global\r\n", "Subject: caf\u{e9}\r\n\r\nx"), true),
        (part("Content-Type: message/global\r\n", "Subject: x\r\n\r\nx"), false),
        (part("Content-Type: image/png\r\nContent-Transfer-Encoding: 8bit\r\n", "\u{e9}"), false),
        // Nobody can tell which of this is a header section.
        ("Content-Type: multipart/mixed\r\n\r\ncaf\u{e9}\r\n".to_owned(), true),
    ] {
        assert_eq!(has_utf8_header(&message), expected, "{message:?}");
    }
}
