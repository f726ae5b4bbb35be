//! Any octets in any pieces: never a panic, and the same events and replies as in one piece.

use proptest::prelude::*;
use proto::limits::Limits;
use proto::sasl::{Secret, scram};
use proto::smtp::reply::Reply;
use proto::smtp::server::{Channel, Event, Role, Session, Step};

use crate::script::{config, show};

/// What a client might say, well and badly.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let said = prop_oneof![
        Just("EHLO c.a.test"),
        Just("HELO c.a.test"),
        Just("MAIL FROM:<alice@a.test>"),
        Just("MAIL FROM:<> BODY=BINARYMIME"),
        Just("RCPT TO:<bob@b.test>"),
        Just("DATA"),
        Just("."),
        Just(".."),
        Just("BDAT 9"),
        Just("BDAT 3 LAST"),
        Just("BDAT x"),
        Just("RSET"),
        Just("QUIT"),
        Just("STARTTLS"),
        Just("AUTH PLAIN AGEAYg=="),
        Just("AUTH LOGIN"),
        Just("AUTH SCRAM-SHA-256 biwsbj1hLHI9eA=="),
        Just("*"),
        Just("YQ=="),
        Just("NOTICE FROM:<alice@a.test> TO:<bob@b.test> ID=0123456789abcdefghijkl SIZE=1 DATE=20260101T000000Z EXPIRES=20260115T000000Z"),
        Just("NOTICE FROM:<alice@a.test>"),
        Just("RETRIEVE ID=0123456789abcdefghijkl TO:<bob@b.test>"),
        Just("CONFIRM ID=0123456789abcdefghijkl TO:<bob@b.test>"),
        Just("NOOP"),
    ];
    let end = prop_oneof![12 => Just(&b"\r\n"[..]), 1 => Just(&b"\n"[..]), 1 => Just(&b"\r"[..]), 1 => Just(&b""[..])];
    let known = (said, end).prop_map(|(said, end)| [said.as_bytes(), end].concat());
    prop_oneof![8 => known, 1 => proptest::collection::vec(any::<u8>(), 0..40), 1 => Just(vec![b'x'; 700])]
}

fn dialogue() -> impl Strategy<Value = Vec<u8>> {
    // Most sessions get past the greeting, or nothing behind it would be reached.
    let greeted = prop_oneof![1 => Just(&b""[..]), 6 => Just(&b"EHLO c.a.test\r\n"[..])];
    (greeted, proptest::collection::vec(line(), 0..25)).prop_map(|(greeted, lines)| [greeted, &lines.concat()].concat())
}

fn scene() -> impl Strategy<Value = (Role, Channel)> {
    let role = prop_oneof![Just(Role::Submission), Just(Role::Exchange), Just(Role::Retrieval)];
    let channel = prop_oneof![1 => Just(Channel::Clear), 1 => Just(Channel::Upgradable), 3 => Just(Channel::Tls)];
    (role, channel)
}

/// Small, so that they are reached.
fn limits() -> Limits {
    Limits { message_octets_max: 40, errors_max: 6, commands_max: 18, unanswered_max: 3, content_chunk_octets_max: 7, ..Limits::default() }
}

/// Everything that came out: events on lines of their own, then the output. Content that was dropped never was.
fn played(role: Role, channel: Channel, pieces: &[&[u8]]) -> (Vec<String>, String) {
    let mut session = Session::new(config(role, &limits()), channel);
    let (mut events, mut content, mut output) = (Vec::new(), Vec::new(), Vec::new());
    let mut unanswered: Vec<Owed> = Vec::new();
    let mut pieces = pieces.iter();
    loop {
        let step = session.next();
        output.extend(session.take_output());
        match step {
            Step::Flush => {}
            Step::Close => break,
            Step::NeedInput if unanswered.is_empty() => match pieces.next() {
                Some(piece) => session.receive(piece),
                None => break,
            },
            // The session takes back nothing it said: answer what is there, then go on.
            Step::NeedInput | Step::NeedReplies => answer(&mut session, &mut unanswered),
            Step::Event(Event::Content(octets)) => {
                assert!((1..=limits().content_chunk_octets_max).contains(&octets.len()), "{}", octets.escape_ascii());
                content.extend(octets);
            }
            Step::Event(Event::ContentDropped) => content.clear(),
            Step::Event(event) => {
                if matches!(event, Event::Message(_)) {
                    events.push(format!("content {}", std::mem::take(&mut content).escape_ascii()));
                }
                let shown = show(&event);
                unanswered.push(Owed::by(&event, &shown));
                events.push(shown);
            }
        }
    }
    output.extend(session.take_output());
    (events, output.escape_ascii().to_string())
}

enum Owed {
    /// What it answers is in its text, so that two can't be exchanged.
    Reply(String),
    Octets,
    Handshake,
    Verifier,
}

impl Owed {
    fn by(event: &Event, shown: &str) -> Self {
        match event {
            Event::StartTls => Self::Handshake,
            Event::Scram { .. } => Self::Verifier,
            Event::Twoway(proto::twoway::Command::Retrieve(_)) => Self::Octets,
            _ => Self::Reply(shown.to_owned()),
        }
    }
}

fn answer(session: &mut Session, unanswered: &mut Vec<Owed>) {
    for owed in unanswered.drain(..) {
        match owed {
            Owed::Reply(text) => session.reply(&Reply::new(250, None, text)).unwrap(),
            Owed::Octets => {
                session.reply_with_octets(&Reply::new(250, None, "take it"), 4).unwrap();
                session.write_octets(b"o\nct").unwrap();
            }
            Owed::Handshake => session.tls_started().unwrap(),
            Owed::Verifier => {
                let nonce = scram::Nonce::from_text("n").unwrap();
                session.scram_verifier(scram::derive(&Secret::new("b").unwrap(), b"salt", 1), &nonce).unwrap();
            }
        }
    }
}

/// Cuts octets where the numbers say.
pub(crate) fn cut<'a>(octets: &'a [u8], at: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = octets;
    for count in at {
        let (piece, behind) = rest.split_at(rest.len().min(*count));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

#[test]
fn a_cr_that_waits_for_its_lf_counts_with_the_octets_behind_it() {
    let dialogue = b"EHLO c.a.test\r\nMAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA\r\n123456\r\n12345678\r\n.\r\n";
    let (events, _output) = played(Role::Exchange, Channel::Clear, &[dialogue]);
    assert!(events.contains(&r"content 123456\r\n12345678\r\n".to_owned()), "{events:?}");
}

proptest! {
    #[test]
    fn the_pieces_that_octets_come_in_change_nothing(
        (role, channel) in scene(),
        dialogue in dialogue(),
        at in proptest::collection::vec(0_usize..60, 0..40),
    ) {
        // What follows STARTTLS in clear is thrown away, so there the pieces must matter: no handshake in this test.
        prop_assume!(channel != Channel::Upgradable || !dialogue.to_ascii_uppercase().windows(8).any(|window| window == b"STARTTLS"));
        let whole = played(role, channel, &[&dialogue]);
        prop_assert_eq!(&played(role, channel, &cut(&dialogue, &at)), &whole);
        let octets: Vec<&[u8]> = dialogue.chunks(1).collect();
        prop_assert_eq!(&played(role, channel, &octets), &whole);
    }

    #[test]
    fn no_octets_make_a_session_panic((role, channel) in scene(), octets in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let pieces: Vec<&[u8]> = octets.chunks(64).collect();
        let _: (Vec<String>, String) = played(role, channel, &pieces);
    }

    #[test]
    fn handshakes_in_the_middle_make_no_session_panic(dialogue in dialogue(), at in proptest::collection::vec(0_usize..60, 0..40)) {
        let _: (Vec<String>, String) = played(Role::Submission, Channel::Upgradable, &cut(&dialogue, &at));
    }
}
