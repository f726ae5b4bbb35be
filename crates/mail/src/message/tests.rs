//! Header sections with every oddity that must survive, and the edits we make to them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::string_slice)]

use proptest::prelude::*;

use super::*;

#[test]
fn a_header_section_is_split_into_fields_with_their_octets() {
    let message = b"From: Alice\r\n <alice@a.test>\r\nSubject : Hi\r\nX-Empty:\r\n\r\nFrom: body\r\n";
    let section = HeaderSection::read(message);
    let shown: Vec<(&str, &[u8], Range<usize>)> =
        section.fields().iter().map(|field| (field.name(), field.value(), field.range())).collect();
    let expected: [(&str, &[u8], Range<usize>); 3] =
        [("From", b" Alice\r\n <alice@a.test>", 0..30), ("Subject", b" Hi", 30..44), ("X-Empty", b"", 44..54)];
    assert_eq!(shown, expected);
    assert_eq!((section.octets(), section.body_start()), (&message[..54], 56));
    assert_eq!(section.author().unwrap().mailbox.to_string(), "alice@a.test");
}

#[test]
fn the_body_begins_after_the_first_empty_line_or_where_no_field_begins() {
    for (message, end) in [
        ("", None),
        ("\r", None),
        ("\r\n", Some(2)),
        ("\nHi", Some(1)),
        ("Subj", None),
        ("Subject ", None),
        ("Subject:", None),
        ("Subject: x\r\n\r", None),
        ("Subject: x\r\n\r\nHi", Some(14)),
        ("Subject: x\n\nHi", Some(12)),
        ("Subject: x\r\n \r\n\r\nHi", Some(17)),
        ("Subject: x\r\njunk\r\n\r\nHi", Some(20)),
        ("Hello world", Some(0)),
        ("Hello\r", Some(0)),
        (" Subject: x\r\n\r\n", Some(0)),
        (": x\r\n\r\n", Some(0)),
        ("\u{fc}: x\r\n", Some(0)),
    ] {
        assert_eq!(HeaderSection::find_end(message.as_bytes()), end, "{message:?}");
        assert_eq!(found_in_pieces(message.as_bytes(), 1), end, "{message:?} octet by octet");
    }
    assert_eq!(HeaderSection::find_end("x".repeat(2000).as_bytes()), Some(0));
}

/// What a search says that is asked after each piece, until it knows.
fn found_in_pieces(message: &[u8], octets: usize) -> Option<usize> {
    let mut search = EndSearch::default();
    (octets..message.len()).step_by(octets).chain([message.len()]).find_map(|here| search.find(&message[..here]))
}

#[test]
fn odd_lines_hide_no_field() {
    let section = HeaderSection::read(b"From: a@a.test\r\njunk\r\n more\r\nFrom: b@b.test\r\n\r\n");
    assert_eq!(section.author(), Err(AuthorError::SeveralFrom(2)));
    let section = HeaderSection::read(b"X: y\nFrom: a@a.test\r\nFROM : b@b.test\r\n\r\n");
    assert_eq!(section.author(), Err(AuthorError::SeveralFrom(2)));
}

#[test]
fn exactly_one_from_field_with_exactly_one_mailbox_makes_an_author() {
    for (message, expected) in [
        ("From: Alice <alice@a.test>\r\n\r\n", Ok("alice@a.test")),
        ("from:alice@a.test", Ok("alice@a.test")),
        ("", Err(AuthorError::NoFrom)),
        ("Sender: alice@a.test\r\n\r\nFrom: alice@a.test\r\n", Err(AuthorError::NoFrom)),
        ("From alice@a.test\r\nFrom: alice@a.test\r\n\r\n", Err(AuthorError::NoFrom)),
        ("From: a@a.test\r\nFrom: a@a.test\r\n\r\n", Err(AuthorError::SeveralFrom(2))),
        ("From: a@a.test, b@b.test\r\n\r\n", Err(AuthorError::SeveralMailboxes(2))),
        ("From: team: a@a.test;\r\n\r\n", Err(AuthorError::Group)),
        ("From: \r\n\r\n", Err(AuthorError::NoMailbox)),
        ("From: nobody\r\n\r\n", Err(AuthorError::Malformed)),
        ("From: eve@e.test <alice@a.test>\r\n\r\n", Err(AuthorError::Malformed)),
        ("Subject: x\rFrom: eve@e.test\r\nFrom: alice@a.test\r\n\r\n", Err(AuthorError::BareCr)),
    ] {
        let author = HeaderSection::read(message.as_bytes()).author().map(|author| author.mailbox.to_string());
        assert_eq!(author, expected.map(str::to_owned), "{message:?}");
    }
}

#[test]
fn the_fields_we_show_and_count_are_decoded() {
    let message = "Received: x\r\nreceived: y\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n und mehr\r\nDate: Mon, 21 Nov 2026 10:30:05 +0100 (CET)\r\n\
        Message-ID:\r\n <1@a.test>\r\nList-Id: \"Dev <x>\" <Dev.A.test> (c)\r\n\r\n";
    let section = HeaderSection::read(message.as_bytes());
    assert_eq!(section.subject().unwrap(), "Gr\u{fc}\u{df}e und mehr");
    assert_eq!(section.date().unwrap().to_rfc3339(), "2026-11-21T09:30:05Z");
    assert_eq!(section.message_id().unwrap(), "<1@a.test>");
    assert_eq!(section.list_id().unwrap(), "dev.a.test");
    assert_eq!(section.received_count(), 2);
}

#[test]
fn fields_that_can_not_be_read_are_none() {
    let section = HeaderSection::read(b"Date: yesterday\r\nMessage-ID: <a b>\r\nList-Id: <a>\r\nList-Id: <b>\r\n\r\n");
    assert_eq!((section.date(), section.message_id(), section.list_id(), section.subject()), (None, None, None, None));
    for id in ["1@a.test", "<>", "<1@a.test", "<1@a.test> <2@a.test>", "<1@a.test><2@a.test>", "<1<2>@a.test>"] {
        assert_eq!(HeaderSection::read(format!("Message-ID: {id}\r\n").as_bytes()).message_id(), None, "{id}");
    }
}

#[test]
fn huge_fields_are_read_in_one_pass() {
    let million = 1_000_000;
    for value in ["(", "()", "a,", "\"", "<", "a:", ";", "\\", "=?", "a@", "\r\n "].map(|unit| unit.repeat(million / unit.len())) {
        let message = format!("From: {value}\r\nSubject: {value}\r\nDate: {value}\r\nList-Id: {value}\r\nMessage-ID: {value}\r\n\r\n");
        let section = HeaderSection::read(message.as_bytes());
        assert!(section.author().is_err());
        assert_eq!((section.date(), section.list_id(), section.message_id()), (None, None, None));
        assert!(section.subject().is_some());
    }
}

#[test]
fn a_section_of_many_fields_is_read_and_edited_in_one_pass() {
    let message = "Bcc: x\r\nReceived: y\r\n z\r\n".repeat(100_000);
    let section = HeaderSection::read(message.as_bytes());
    assert_eq!(section.received_count(), 100_000);
    let head = HeaderEdit::new(&section).remove(|field| field.is("Bcc")).finish();
    assert_eq!(head.octets.len(), "Received: y\r\n z\r\n".len() * 100_000);
}

/// Looked at anew for each octet, this would take hours.
#[test]
fn a_long_section_that_comes_octet_by_octet_is_looked_at_once() {
    let section = [b"X: y\r\n".repeat(300_000), b"\r\n".to_vec()].concat();
    assert_eq!(found_in_pieces(&section, 1), Some(section.len()));
    let line = [b"X: ".to_vec(), b"y".repeat(2_000_000), b"\n\n".to_vec()].concat();
    assert_eq!(found_in_pieces(&line, 1), Some(line.len()));
}

proptest! {
    #[test]
    fn no_octets_make_reading_panic_and_fields_keep_theirs(
        lines in prop::collection::vec("(From|Date|List-Id|Message-ID|Subject)?[ :a<>@\t]{0,6}\\PC{0,5}(\r\n|\n|\r|)", 0..10),
        tail: Vec<u8>,
    ) {
        let message = [lines.concat().as_bytes(), &tail].concat();
        let section = HeaderSection::read(&message);
        for field in section.fields() {
            prop_assert_eq!(message.get(field.range()).unwrap(), field.octets());
        }
        prop_assert!(section.octets().len() <= section.body_start());
        if let Some(end) = HeaderSection::find_end(&message) {
            prop_assert_eq!(section.body_start(), end);
        }
        drop((section.author(), section.date(), section.list_id(), section.message_id(), section.subject()));
    }

    #[test]
    fn the_end_is_found_at_the_same_place_in_whatever_pieces_it_comes(
        lines in prop::collection::vec("(Subject|A b|:)?[ :\t]{0,2}[a-z]{0,3}(\r\n|\n|\r|)", 0..12),
        octets in 1_usize..8,
    ) {
        let message = lines.concat();
        let whole = HeaderSection::find_end(message.as_bytes());
        prop_assert_eq!(found_in_pieces(message.as_bytes(), octets), whole);
    }

    #[test]
    fn the_end_is_found_at_the_same_place_however_much_more_is_there(message in "(Subject: x\r\n|A:\n| b\r\n|junk\r\n){0,4}\r\n\\PC{0,20}") {
        if let Some(end) = HeaderSection::find_end(message.as_bytes()) {
            prop_assert_eq!(HeaderSection::read(message.as_bytes()).body_start(), end);
            for cut in 0..message.len() {
                let early = HeaderSection::find_end(&message.as_bytes()[..cut]);
                prop_assert!(early.is_none() || early == Some(end), "{} {:?}", cut, early);
            }
        }
    }
}
