//! A client's IMAP session with any server: it never panics, gives as much content as was announced, and ends its lines.
#![no_main]

use proto::imap::client::{Channel, Event, Session, Step};
use proto::imap::command::append::AppendNext;
use proto::imap::command::parse;
use proto::imap::limits::ClientLimits;
use proto::imap::mailbox_name::NameForm;
use proto::sasl::Secret;
use proto::sasl::scram::Nonce;

const COMMANDS: [&[u8]; 10] = [
    b"x SEARCH SUBJECT {2+}\r\n\xc3\xa9 TEXT {2+}\r\n\xc3\xa8",
    b"x FETCH 1:* (FLAGS BODY[])",
    b"x APPEND INBOX {5}\r\n",
    b"x IDLE",
    b"x ENABLE UTF8=ACCEPT",
    b"x AUTHENTICATE X",
    b"x XTWOWAY CONTACTS EVIDENCE",
    b"x COMPRESS DEFLATE",
    b"x STARTTLS",
    b"x LOGOUT",
];

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let Some((first, dialogue)) = octets.split_first() else { return };
    let limits = ClientLimits {
        response_octets_max: 512,
        held_literal_octets_max: 16,
        content_chunk_octets_max: 8,
        received_octets_max: 64,
        ..ClientLimits::default()
    };
    let channel = if first % 2 == 0 { Channel::Tls } else { Channel::Clear };
    let mut session = Session::new(limits, channel);
    let mut pieces = dialogue.chunks(usize::from(first / 2 % 32) + 1);
    let mut commands = COMMANDS.into_iter().cycle().skip(usize::from(first / 64));
    let mut next = || parse(commands.next().expect("a cycle"), NameForm::Utf8).expect("a command").command;
    let nonce = Nonce::from_entropy([7; 18]);
    let (mut due, mut message) = (0, false);
    for _ in 0..10_000 {
        match session.next() {
            Err(_) => return,
            Ok(Step::NeedInput) => match pieces.next() {
                Some(piece) if session.receive(piece).is_ok() => {}
                _ => return,
            },
            Ok(Step::Event(event)) => match event {
                Event::Content { octets, .. } => due = octets,
                Event::Octets(octets) => {
                    assert!((1..=8).contains(&octets.len()));
                    due -= u64::try_from(octets.len()).expect("a small number");
                }
                Event::ContentEnd => assert_eq!(due, 0),
                Event::StartTls => session.tls_started().expect("a handshake was asked for"),
                Event::Compress => drop(session.compressed().expect("it was asked for")),
                Event::Challenge(_) => session.respond(Some(b"x")).expect("a mechanism is under way"),
                Event::Idling => session.end_idle().expect("it has begun"),
                Event::SendMessage => {
                    session.write_message(b"hello").expect("it was announced");
                    session.end_message(AppendNext::default()).expect("it is whole");
                    message = true;
                }
                Event::Ready | Event::Done(_) => {
                    let password = Secret::new("pencil").expect("a password");
                    // Half of them never show the password: who takes the wrong proof for a right one is not whom we know.
                    let logged_in = if first % 4 < 2 { session.login("bob", &password) } else { session.prove("bob", &password, &nonce) };
                    if session.is_authenticated() || logged_in.is_err() {
                        // Refused where the server offers no such thing, or nothing more is said; or has to wait.
                        let _refused = session.send(next());
                        let _refused = (0..first / 16 % 4).try_for_each(|_| session.send_behind(next()));
                    }
                }
                Event::Refused(_) | Event::Data(_) | Event::Unknown(_) | Event::Closing(_) => {}
            },
        }
        let output = session.take_output();
        assert!(output.is_empty() || message || output.ends_with(b"\r\n"), "{}", output.escape_ascii());
    }
});
