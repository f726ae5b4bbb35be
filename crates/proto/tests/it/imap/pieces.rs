//! Any octets in any pieces: never a panic, and the same events and answers as in one piece.

use proptest::prelude::*;
use proto::imap::limits::Limits;
use proto::imap::response::{Condition, Data, Status};
use proto::imap::server::{Event, Session, Step};
use proto::sasl::{Secret, scram};
use proto::smtp::server::Channel;

use super::script::{config, show};
use crate::pieces::cut;

/// What a client might say, well and badly.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let said = prop_oneof![
        Just("a NOOP"),
        Just("b LOGIN bob pencil"),
        Just("b LOGIN {3}"),
        Just("bob {6+}"),
        Just("pencil"),
        Just("b AUTHENTICATE PLAIN"),
        Just("b AUTHENTICATE SCRAM-SHA-256 biwsbj1hLHI9eA=="),
        Just("AGJvYgBwZW5jaWw="),
        Just("*"),
        Just("c SELECT INBOX"),
        Just("c EXAMINE INBOX (CONDSTORE)"),
        Just("c CLOSE"),
        Just("d FETCH 1:* (FLAGS BODY[])"),
        Just("d UID SEARCH SUBJECT {3+}"),
        Just("abc"),
        Just("d FROB {9+}"),
        Just("e APPEND INBOX {5}"),
        Just("e APPEND INBOX (\\Seen) {5+}"),
        Just("e APPEND INBOX {99+}"),
        Just("hello (\\Draft) {3+}"),
        Just("e APPEND INBOX CATENATE (URL /a/;UID=1 TEXT {5+}"),
        Just("e APPEND INBOX CATENATE (URL /a/;UID=1)"),
        Just("hello URL {10+}"),
        Just("/a/;UID=23) {5+}"),
        Just("hello)"),
        Just("hello"),
        Just("f IDLE"),
        Just("DONE"),
        Just("g ENABLE UTF8=ACCEPT UIDONLY"),
        Just("h XTWOWAY WATCH"),
        Just("i LOGOUT"),
    ];
    let end = prop_oneof![14 => Just(&b"\r\n"[..]), 1 => Just(&b"\n"[..]), 1 => Just(&b""[..])];
    let known = (said, end).prop_map(|(said, end)| [said.as_bytes(), end].concat());
    prop_oneof![9 => known, 1 => proptest::collection::vec(any::<u8>(), 0..40), 1 => Just(vec![b'x'; 300])]
}

fn dialogue() -> impl Strategy<Value = Vec<u8>> {
    // Most sessions get past the login, or nothing behind it would be reached.
    let opening = prop_oneof![1 => Just(&b""[..]), 3 => Just(&b"o LOGIN bob pencil\r\n"[..]), 4 => Just(&b"o LOGIN bob pencil\r\no SELECT INBOX\r\n"[..])];
    (opening, proptest::collection::vec(line(), 0..25)).prop_map(|(opening, lines)| [opening, &lines.concat()].concat())
}

/// Everything that came out: events, then the output. The driver says OK to all, and of some messages NO.
fn played(pieces: &[&[u8]]) -> (Vec<String>, String) {
    let limits = Limits {
        message_octets_max: 40,
        errors_max: 6,
        command_octets_max: 200,
        early_command_octets_max: 120,
        discarded_octets_max: 300,
        content_chunk_octets_max: 3,
        ..Limits::default()
    };
    let mut session = Session::new(config(limits), Channel::Tls);
    let (mut events, mut output) = (Vec::new(), Vec::new());
    let mut content = Vec::new();
    let mut pieces = pieces.iter();
    loop {
        let step = session.next();
        output.extend(session.take_output());
        let event = match step {
            Step::Flush => continue,
            Step::Close => break,
            Step::NeedAnswer => panic!("every event was answered: {events:?}"),
            Step::NeedInput => match pieces.next() {
                Some(piece) => {
                    session.receive(piece);
                    continue;
                }
                None => break,
            },
            Step::Event(event) => event,
        };
        if let Event::Content(octets) = event {
            assert!((1..=3).contains(&octets.len()));
            content.extend(octets);
            continue;
        }
        if !content.is_empty() {
            events.push(format!("content {}", std::mem::take(&mut content).escape_ascii()));
        }
        let shown = show(&event);
        match event {
            Event::Append(..) | Event::Replace(_) | Event::AppendNext(_) if shown.contains("Seen") || !shown.contains("octets") => {
                session.complete(&Status::new(Condition::No, "not this one")).unwrap();
            }
            Event::Append(..) | Event::Replace(_) | Event::AppendNext(_) => session.accept_message().unwrap(),
            Event::Idle => session.tell(&Data::Exists(3)).unwrap(),
            Event::StartTls => session.tls_started().unwrap(),
            Event::Compress => session.compressed().unwrap(),
            Event::Scram { .. } => {
                let nonce = scram::Nonce::from_text("n").unwrap();
                session.scram_verifier(scram::derive(&Secret::new("b").unwrap(), b"salt", 1), &nonce).unwrap();
            }
            Event::IdleEnd | Event::Content(_) | Event::ContentDropped | Event::SearchRefused => {}
            Event::Password { .. } | Event::Command(_) | Event::Messages => {
                session.complete(&Status::new(Condition::Ok, "done")).unwrap();
            }
        }
        events.push(shown);
    }
    output.extend(session.take_output());
    (events, output.escape_ascii().to_string())
}

proptest! {
    #[test]
    fn the_pieces_that_octets_come_in_change_nothing(dialogue in dialogue(), at in proptest::collection::vec(0_usize..60, 0..40)) {
        let whole = played(&[&dialogue]);
        prop_assert_eq!(&played(&cut(&dialogue, &at)), &whole);
        let octets: Vec<&[u8]> = dialogue.chunks(1).collect();
        prop_assert_eq!(&played(&octets), &whole);
    }

    #[test]
    fn no_octets_make_a_session_panic(octets in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let pieces: Vec<&[u8]> = octets.chunks(64).collect();
        let _: (Vec<String>, String) = played(&pieces);
    }
}
